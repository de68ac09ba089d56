"""Whoever orders an instance: says what it wants, and is told what became of that.

Launching itself knows of owners alone. A kind of owner that keeps a record of its own reads and writes it here, in the
ledger's transactions, so that record and ledger can't contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import ConflictError
from janitor.domain.launch.order import LaunchOrder
from janitor.domain.launch.owner import Owner
from janitor.stores import validations as store
from janitor.stores.database import Connection


class Orderer(Protocol):
    """An owner's side of a launch. Every method is called inside a transaction of the ledger and makes no other."""

    @property
    def owner(self) -> Owner:
        """Who orders; asks nothing."""
        ...

    def order(self, connection: Connection) -> LaunchOrder:
        """What it wants now.

        Raises:
            ConflictError: The owner has ended; nothing is to be launched for it any more.
        """
        ...

    def keep_intent(self, connection: Connection, deadline_at: datetime) -> datetime:
        """An intent is about to be written with this hard limit; returns the one that is in force."""
        ...

    def keep_launched(self, connection: Connection, instance_id: str) -> None:
        """There is an instance, and the hard limit counts."""
        ...

    def keep_failure(self, connection: Connection, reason_code: str, summary: str) -> None:
        """Nothing was launched, for this reason."""
        ...


@dataclass(frozen=True)
class ValidationOrderer:
    """A validation, as `repository_validations` holds it."""

    validation_id: UUID

    @property
    def owner(self) -> Owner:
        """The validation."""
        return Owner.validation(self.validation_id)

    def order(self, connection: Connection) -> LaunchOrder:
        """What its plan says, as long as neither it nor its run has ended."""
        validation = store.get_validation(connection, self.validation_id)
        if validation.status.is_final:
            raise ConflictError(
                f"validation {self.validation_id} has ended ({validation.status.value}); start a new run for"
                f" {validation.repository_name} instead: `make validate-all-workers REPO={validation.repository_name}`"
            )
        if validation.run_status.is_final:
            raise ConflictError(
                f"the run of validation {self.validation_id} has ended ({validation.run_status.value}):"
                " nothing is launched"
            )
        plan = RepositoryPlan.from_dict(validation.plan)
        return LaunchOrder(
            owner=self.owner,
            run_id=validation.run_id,
            name=validation.repository_name,
            repository=f"{plan.organization}/{plan.name}",
            instance_types=plan.instance_types,
            market=plan.market,
            spread=validation.repository_index,
            timeout=validation.timeout,
            grace=validation.grace,
            deadline_at=validation.deadline_at if validation.launched_at is not None else None,
            max_concurrent_instances=validation.max_concurrent_instances,
        )

    def keep_intent(self, connection: Connection, deadline_at: datetime) -> datetime:
        """Launching again: what an earlier instance did says nothing any more."""
        store.clear_watch_outcome(connection, self.validation_id)
        store.mark_launching(connection, self.validation_id)
        return store.keep_deadline(connection, self.validation_id, deadline_at)

    def keep_launched(self, connection: Connection, instance_id: str) -> None:
        """Keep which instance works for it."""
        store.mark_launched(connection, self.validation_id, instance_id)

    def keep_failure(self, connection: Connection, reason_code: str, summary: str) -> None:
        """Keep why no instance could be launched, for `record` to conclude from."""
        store.keep_launch_failure(connection, self.validation_id, reason_code, summary)
