"""A sequential run, as whoever orders its one instance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import ConflictError
from janitor.domain.launch.order import LaunchOrder
from janitor.domain.launch.owner import Owner
from janitor.domain.states import OwnerKind
from janitor.domain.watch.sequential import IDLE_LIMIT, SEQUENTIAL_NAME
from janitor.stores import sequential as store
from janitor.stores.database import Connection


def owner_of_run(run_id: UUID) -> Owner:
    """A run, as the owner of its instance."""
    return Owner(kind=OwnerKind.RUN, id=run_id)


@dataclass(frozen=True)
class RunOrderer:
    """A sequential run, as `validation_runs` holds it."""

    run_id: UUID
    first_subnets: tuple[str, ...] = ()
    """Those in the zone of the cache volume: tried before the others."""

    @property
    def owner(self) -> Owner:
        """The run."""
        return owner_of_run(self.run_id)

    def order(self, connection: Connection) -> LaunchOrder:
        """One instance for all of its repositories, as long as it hasn't ended."""
        run = store.sequential_run(connection, self.run_id)
        if run.status.is_final:
            raise ConflictError(
                f"run {self.run_id} has ended ({run.status.value}): nothing is launched for it any more"
            )
        plan = RepositoryPlan.from_dict(run.plan)
        return LaunchOrder(
            owner=self.owner,
            run_id=self.run_id,
            name=SEQUENTIAL_NAME,
            repository=None,
            instance_types=plan.instance_types,
            market=plan.market,
            first_subnets=self.first_subnets,
            idle_limit=IDLE_LIMIT,
            timeout=run.total_timeout,
            grace=run.grace,
            deadline_at=run.deadline_at,
            max_concurrent_instances=run.max_concurrent_instances,
        )

    def keep_intent(self, connection: Connection, deadline_at: datetime) -> datetime:
        """The limit is in the intent's own row."""
        return deadline_at

    def keep_launched(self, connection: Connection, instance_id: str) -> None:
        """Nothing is in the way of its repositories any more."""
        store.clear_failure(connection, self.run_id)

    def keep_failure(self, connection: Connection, reason_code: str, summary: str) -> None:
        """Keep for each repository without an end why no instance could be launched."""
        store.keep_failure(connection, self.run_id, reason_code, summary)
