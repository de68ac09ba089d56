"""Probes: tasks that prove that workers of a pool take tasks, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from janitor.domain.pool.states import TaskKind, TaskState
from janitor.services.pool_control.naming import pool_named
from janitor.settings import Settings
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import tasks
from janitor.stores.pool.records import NewTask

_LIMIT = timedelta(minutes=2)
_LOOK_EVERY = timedelta(seconds=1)
_ANYBODYS = "any"
"""A probe runs nothing: it asks for no worker of its own."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Probes that were queued."""

    pool: str
    task_ids: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class ProbeEnd:
    """How far a probe came."""

    task_id: UUID
    state: TaskState
    worker_id: UUID | None
    """Who has or had it last."""
    waited: timedelta | None
    """From its queueing to its last claim; None: nobody has claimed it."""


def queue_probes(settings: Settings, name: str | None, count: int) -> Probes:
    """Queue probes in a pool.

    Raises:
        NotFoundError: There is no such pool.
        ConflictError: No name was given, and there are several.
        DatabaseError: Postgres can't be used.
    """
    pool = pool_named(settings, name)
    with transaction(settings.writer_url) as connection:
        queued = tuple(queue_probe(connection, settings, pool) for _ in range(count))
    return Probes(pool=pool, task_ids=queued)


def queue_probe(connection: Connection, settings: Settings, pool: str, *, priority: int = 0) -> UUID:
    """Queue one probe.

    Args:
        priority: The higher the sooner.
    """
    task = NewTask(
        deployment=settings.deployment,
        pool=pool,
        kind=TaskKind.PROBE,
        time_limit=_LIMIT,
        trust_domain=_ANYBODYS,
        priority=priority,
        task_id=uuid4(),
    )
    return tasks.enqueue(connection, task)


def probe_ends(settings: Settings, task_ids: Sequence[UUID]) -> list[ProbeEnd]:
    """How far probes came.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        found = [tasks.get(connection, each) for each in task_ids]
    return [
        ProbeEnd(
            task_id=each.task_id,
            state=each.state,
            worker_id=None if each.last_claim is None else each.last_claim.held.worker_id,
            waited=None if each.last_claim is None else each.last_claim.claimed_at - each.queued_at,
        )
        for each in found
        if each is not None
    ]


def await_probes(settings: Settings, task_ids: Sequence[UUID], within: timedelta) -> list[ProbeEnd]:
    """Wait until probes have their end, as long as `within`; what has none by then is cancelled.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    give_up_at = time.monotonic() + within.total_seconds()
    while not all(each.state.is_final for each in probe_ends(settings, task_ids)):
        if time.monotonic() >= give_up_at:
            with transaction(settings.writer_url) as connection:
                for each in task_ids:
                    tasks.cancel(connection, each)
            break
        time.sleep(_LOOK_EVERY.total_seconds())
    return probe_ends(settings, task_ids)
