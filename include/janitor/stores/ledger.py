"""The launch ledger: intents, what became of them, and the places that they hold.

Invariant: a place is held from the committed intent until EC2 says terminated, so counting live rows under the lock
counts everything that may exist.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from janitor.domain.identity import LaunchIdentity
from janitor.domain.states import InstanceState, TerminationReason
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord


def lock_places(connection: Connection, deployment: str) -> None:
    """Take the deployment's launch lock until the transaction ends."""
    named_queries().lock_places(connection, deployment=deployment)


def count_live(connection: Connection, deployment: str) -> int:
    """How many places of the deployment are held."""
    count: int = named_queries().count_live(connection, deployment=deployment)
    return count


def live_of_validation(connection: Connection, validation_id: UUID) -> InstanceRecord | None:
    """The one live row of a validation, if there is one."""
    row = named_queries().live_of_validation(connection, validation_id=validation_id)
    return InstanceRecord.from_row(row) if row else None


def latest_of_validation(connection: Connection, validation_id: UUID) -> InstanceRecord | None:
    """The row of the last generation, live or not."""
    row = named_queries().latest_of_validation(connection, validation_id=validation_id)
    return InstanceRecord.from_row(row) if row else None


def insert_intent(
    connection: Connection, identity: LaunchIdentity, *, instance_type: str, market: str
) -> InstanceRecord:
    """Write the intent to launch.

    Raises:
        psycopg.errors.UniqueViolation: The validation has a live row already, or the token was used.
    """
    row = named_queries().insert_intent(
        connection,
        validation_id=identity.validation_id,
        run_id=identity.run_id,
        deployment=identity.deployment,
        generation=identity.generation,
        client_token=identity.client_token,
        tags=Jsonb(identity.tags),
        instance_type=instance_type,
        market=market,
        intent_at=identity.intent_at,
        deadline_at=identity.deadline_at,
    )
    return InstanceRecord.from_row(one(row, what=f"the intent of validation {identity.validation_id}"))


def keep_launched(connection: Connection, ledger_id: int, instance_id: str, availability_zone: str | None) -> None:
    """Keep the id that RunInstances gave."""
    named_queries().keep_launched(
        connection, ledger_id=ledger_id, instance_id=instance_id, availability_zone=availability_zone
    )


def observe_state(connection: Connection, ledger_id: int, state: InstanceState) -> None:
    """Keep a state that EC2 showed; a late or repeated observation changes nothing."""
    named_queries().observe_state(connection, ledger_id=ledger_id, state=state.value)


def intend_termination(
    connection: Connection, ledger_id: int, reason: TerminationReason, detail: str | None = None
) -> None:
    """Keep why the instance is about to be terminated; the first reason stays."""
    named_queries().intend_termination(
        connection, ledger_id=ledger_id, termination_reason=reason.value, termination_detail=detail
    )


def live_of_run(connection: Connection, run_id: UUID) -> list[InstanceRecord]:
    """Every live row of a run."""
    return [InstanceRecord.from_row(row) for row in named_queries().live_of_run(connection, run_id=run_id)]


def live_of_deployment(connection: Connection, deployment: str) -> list[InstanceRecord]:
    """Every live row of a deployment."""
    rows = named_queries().live_of_deployment(connection, deployment=deployment)
    return [InstanceRecord.from_row(row) for row in rows]


def state_changes(connection: Connection, ledger_id: int) -> list[tuple[InstanceState, datetime]]:
    """The states that were observed, oldest first."""
    rows = named_queries().state_changes(connection, ledger_id=ledger_id)
    return [(InstanceState(row["to_state"]), row["observed_at"]) for row in rows]


UniqueViolation = psycopg.errors.UniqueViolation
"""Raised where an invariant of the ledger refuses a write; named here so that services need no driver import."""
