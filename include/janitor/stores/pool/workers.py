"""A pool's workers. Their machines are the ledger's.

Invariant: a worker's state changes only as the rules of `WORKER_TRANSITIONS` say, judged by the row as it is when it is
written; False from such a call means that somebody else was there first. An identity is never used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.stores.database import Connection
from janitor.stores.pool.records import Drain, WorkerRecord, held_from
from janitor.stores.queries import named_queries

_SAID_BY: Mapping[WorkerState, WorkerEnd] = MappingProxyType(
    {WorkerState.LOST: WorkerEnd.LOST, WorkerState.QUARANTINED: WorkerEnd.QUARANTINED}
)
_OVER = frozenset({*_SAID_BY, WorkerState.TERMINATING, WorkerState.TERMINATED, WorkerState.FAILED})


def request(
    connection: Connection, deployment: str, pool: str, provider: Provider, *, offers: Mapping[str, Any] | None = None
) -> UUID:
    """Write down that a worker is wanted, before anything is asked of its provider.

    Args:
        offers: What it will have for tasks that ask for something.

    Returns:
        Its id.
    """
    worker_id = uuid4()
    named_queries().request_worker(
        connection,
        worker_id=worker_id,
        deployment=deployment,
        pool=pool,
        provider=provider.value,
        offers=Jsonb(dict(offers or {})),
    )
    return worker_id


def get(connection: Connection, worker_id: UUID) -> WorkerRecord | None:
    """A worker; None where there is none of this id."""
    row = named_queries().pool_worker(connection, worker_id=worker_id)
    return WorkerRecord.from_row(row) if row is not None else None


def live(connection: Connection, deployment: str, pool: str | None = None) -> list[WorkerRecord]:
    """Workers without an end, the oldest first; of every pool where none is named."""
    rows = named_queries().live_workers(connection, deployment=deployment, pool=pool)
    return [WorkerRecord.from_row(row) for row in rows]


def ended(connection: Connection, deployment: str, pool: str | None = None, *, count: int) -> list[WorkerRecord]:
    """The workers that ended last, the last one first; of every pool where none is named."""
    rows = named_queries().ended_workers(connection, deployment=deployment, pool=pool, count=count)
    return [WorkerRecord.from_row(row) for row in rows]


def lock_as_seen(connection: Connection, seen: WorkerRecord) -> bool:
    """Lock a worker's row until the transaction ends, if it is in the same state, after the same claim, as when seen.

    Returns:
        Whether it is; False: somebody has gone on with it meanwhile.
    """
    row = named_queries().lock_worker_as_seen(
        connection, worker_id=seen.worker_id, state=seen.state.value, last_fence=seen.last_fence
    )
    return row is not None


def move(connection: Connection, worker_id: UUID, to: WorkerState, *, end: WorkerEnd | None = None) -> bool:
    """Change a worker's state, if the rules allow it from the one that it is in.

    Args:
        end: Why it ends, for a state without a way back; not needed where its end was wanted before, or where the state
            says it. The first reason stays.

    Returns:
        Whether it was changed.
    """
    reason = (end or _SAID_BY.get(to)) if to in _OVER else None
    changed: int = named_queries().move_worker(
        connection, worker_id=worker_id, to_state=to.value, end_reason=reason.value if reason is not None else None
    )
    return changed == 1


def drain(
    connection: Connection, worker_id: UUID, end: WorkerEnd, *, why: str, within: timedelta, only_idle: bool = False
) -> Drain | None:
    """Give a worker nothing more. Its row is locked until the transaction ends, so that what it has is read after.

    Args:
        end: Why it will end.
        why: The reason in words.
        within: How long what it has may still take.
        only_idle: Leave it as it is where it has a task by now.

    Returns:
        What it has; None where it neither was ready nor busy, and nothing was changed.
    """
    queries = named_queries()
    change = queries.drain_idle_worker if only_idle else queries.drain_worker
    if not change(connection, worker_id=worker_id, end_wanted=end.value, reason=why[:1000], within=within):
        return None
    row = queries.held_by_worker(connection, worker_id=worker_id)
    return Drain(held=held_from(row) if row is not None else None)


def want_end(connection: Connection, worker_id: UUID, end: WorkerEnd) -> None:
    """Keep that a worker is to end: nothing is claimed for it any more, and later passes carry on. The first stays."""
    named_queries().want_worker_end(connection, worker_id=worker_id, end_wanted=end.value)


def keep_alive(connection: Connection, worker_id: UUID, at: datetime | None = None) -> bool:
    """Keep that a worker lives; a suspicion is over then, if the sign is a newer one.

    Args:
        at: When its sign was given; None: now.

    Returns:
        False: it is unknown here, or over; tell it to stop.
    """
    queries = named_queries()
    queries.keep_worker_alive(connection, worker_id=worker_id, alive_at=at)
    return queries.is_worker_over(connection, worker_id=worker_id) is False


def mark_suspect(connection: Connection, worker_id: UUID) -> None:
    """Keep the first look that found no life."""
    named_queries().mark_worker_suspect(connection, worker_id=worker_id)


def mark_surplus(connection: Connection, worker_id: UUID) -> None:
    """Keep the first look that found it idle for too long; a claim takes that back."""
    named_queries().mark_worker_surplus(connection, worker_id=worker_id)


def clear_marks(connection: Connection, worker_id: UUID) -> None:
    """Neither suspect nor surplus any more."""
    named_queries().clear_worker_marks(connection, worker_id=worker_id)
