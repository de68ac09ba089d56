"""A worker on a host of our own: five functions of the database, which are all that its role may call.

False, or a state that is over, means that somebody else decided: stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.pool.states import TaskKind, WorkerState
from janitor.stores.database import Connection
from janitor.stores.pool.records import Held
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class HostClaim:
    """A task that a host's worker has just claimed."""

    held: Held
    kind: TaskKind
    validation_id: UUID | None
    spec: Mapping[str, Any]
    deadline_at: datetime
    """The task's hard limit."""


def register(
    connection: Connection, worker_id: UUID, deployment: str, pool: str, offers: Mapping[str, Any]
) -> WorkerState | None:
    """Make a worker known, ready for tasks. Its identity is used once; returns as `beat` does."""
    return _beat(connection, worker_id, deployment, pool, Jsonb(dict(offers)), is_leaving=False)


def beat(connection: Connection, worker_id: UUID, deployment: str, pool: str) -> WorkerState | None:
    """Say that a worker lives; returns its state, None where it isn't known."""
    return _beat(connection, worker_id, deployment, pool, None, is_leaving=False)


def leave(connection: Connection, worker_id: UUID, deployment: str, pool: str) -> WorkerState | None:
    """Say that a worker goes, where it has no task; returns as `beat` does."""
    return _beat(connection, worker_id, deployment, pool, None, is_leaving=True)


def _beat(
    connection: Connection, worker_id: UUID, deployment: str, pool: str, offers: Jsonb | None, *, is_leaving: bool
) -> WorkerState | None:
    told: str = named_queries().host_beat(
        connection, worker_id=worker_id, deployment=deployment, pool=pool, offers=offers, is_leaving=is_leaving
    )
    return None if told == "unknown" else WorkerState(told)


def claim(connection: Connection, worker_id: UUID, lease: timedelta) -> HostClaim | None:
    """Claim the next task; None: nothing waits that this worker may have, or it isn't ready."""
    row = named_queries().host_claim(connection, worker_id=worker_id, lease=lease)
    if row is None:
        return None
    return HostClaim(
        held=Held(task_id=row["task_id"], worker_id=worker_id, fence=row["fence"]),
        kind=TaskKind(row["kind"]),
        validation_id=row["validation_id"],
        spec=row["spec"],
        deadline_at=row["deadline_at"],
    )


def renew(connection: Connection, held: Held, lease: timedelta) -> bool:
    """Hold on to a task for `lease` from now on; it says that the worker lives, too."""
    return bool(named_queries().host_renew(connection, **_key(held), lease=lease))


def progress(connection: Connection, held: Held) -> bool:
    """Say that the work goes on; the first time it begins."""
    return bool(named_queries().host_progress(connection, **_key(held)))


def finish(
    connection: Connection, held: Held, *, is_done: bool, answer: Mapping[str, Any], is_clean: bool = True
) -> bool:
    """End a task.

    Args:
        is_done: Whether it was carried out, whatever that showed.
        answer: What is said of it.
        is_clean: Whether nothing of it is left; a worker of which that isn't so gets no other task.
    """
    ended = "done" if is_done else "failed"
    return bool(
        named_queries().host_finish(
            connection, **_key(held), ended=ended, answer=Jsonb(dict(answer)), is_clean=is_clean
        )
    )


def _key(held: Held) -> dict[str, Any]:
    return {"worker_id": held.worker_id, "task_id": held.task_id, "fence": held.fence}
