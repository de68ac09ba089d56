"""Turns of validations on the machines of workers: who asks for a validation's instance finds it by `host_of`."""

from __future__ import annotations

from uuid import UUID

import psycopg

from janitor.domain.errors import ConflictError
from janitor.stores import validations as store
from janitor.stores.database import Connection
from janitor.stores.pool.records import Claim, Held
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord


def give(connection: Connection, claim: Claim, validation_id: UUID, host: InstanceRecord) -> bool:
    """Give a worker's machine to the validation whose task was claimed for it; best in the claim's own transaction.

    The validation's hard limit is its task's. Repeating it changes nothing.

    Returns:
        Whether its turn began now.

    Raises:
        ConflictError: Another validation has the machine.
    """
    queries = named_queries()
    queries.end_turns_on(connection, ledger_id=host.ledger_id)
    try:
        is_new = bool(
            queries.begin_turn_of_task(
                connection, validation_id=validation_id, ledger_id=host.ledger_id, fence=claim.held.fence
            )
        )
    except psycopg.errors.UniqueViolation as exc:
        raise ConflictError(f"{host.name} works for another repository of its pool; look again") from exc
    if is_new:
        # What an earlier machine did says nothing any more.
        store.clear_watch_outcome(connection, validation_id)
        store.mark_launching(connection, validation_id)
        store.keep_deadline(connection, validation_id, claim.deadline_at)
        store.mark_launched(connection, validation_id, host.instance_id or host.name)
    return is_new


def end(connection: Connection, held: Held) -> None:
    """Close the turn of a claim; a second time changes nothing."""
    named_queries().end_turn_of_task(connection, fence=held.fence)
