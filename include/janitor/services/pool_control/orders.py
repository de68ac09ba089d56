"""What people order of the pools: written down with who ordered it. A pass carries out what isn't done at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from janitor.domain.pool.actions import PoolAction
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.services.pool_control.looking import configured_pools
from janitor.services.pool_control.naming import pool_named, worker_named
from janitor.settings import Settings
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import decisions, stops, workers
from janitor.stores.pool.records import WorkerRecord

_STARTS = (WorkerState.REQUESTED, WorkerState.SPAWNING)


@dataclass(frozen=True, kw_only=True)
class By:
    """Who orders it, and why."""

    user: str
    reason: str | None = None

    def __str__(self) -> str:
        return self.user if self.reason is None else f"{self.user}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What became of a worker that was to be drained."""

    worker_id: UUID
    pool: str
    is_new: bool
    """False: it was draining, or about to end, before."""
    has_task: bool
    """Whether it finishes something first."""
    within: timedelta
    """How long that may take."""


def stop_pool(settings: Settings, name: str | None, by: By) -> tuple[str, bool]:
    """Stop a pool: nothing is spawned or given out, and what it has drains.

    Returns:
        Its name, and whether it wasn't stopped before.

    Raises:
        NotFoundError: There is no such pool.
        ConflictError: No name was given, and there are several.
        DatabaseError: Postgres can't be used.
    """
    pool = pool_named(settings, name)
    with transaction(settings.writer_url) as connection:
        is_new = stops.stop(connection, settings.deployment, pool, str(by))
        if is_new:
            keep_order(connection, settings, pool, by, f"stopped by {by}")
    return pool, is_new


def resume_pool(settings: Settings, name: str | None, by: By) -> tuple[str, bool]:
    """Let a pool go on; the arguments and errors are those of `stop_pool`.

    Returns:
        Its name, and whether it was stopped.
    """
    pool = pool_named(settings, name)
    with transaction(settings.writer_url) as connection:
        was_stopped = stops.resume(connection, settings.deployment, pool)
        if was_stopped:
            keep_order(connection, settings, pool, by, f"resumed by {by}")
    return pool, was_stopped


def drain_worker(settings: Settings, beginning: str, by: By) -> Drained:
    """Give one worker nothing more.

    Raises:
        NotFoundError: There is no such live worker.
        ConflictError: Several could be meant.
        DatabaseError: Postgres can't be used.
    """
    pools = configured_pools(settings).pools
    with transaction(settings.writer_url) as connection:
        worker = worker_named(settings, connection, beginning)
        return _drain(connection, settings, worker, pools.get(worker.pool), by)


def drain_all(settings: Settings, name: str | None, by: By) -> list[Drained]:
    """Give none of a pool's workers anything more. Unlike a stop it is no word on those that come after them.

    Raises:
        NotFoundError: There is no such pool.
        ConflictError: No name was given, and there are several.
        DatabaseError: Postgres can't be used.
    """
    pool = pool_named(settings, name)
    config = configured_pools(settings).pools.get(pool)
    with transaction(settings.writer_url) as connection:
        live = workers.live(connection, settings.deployment, pool)
        return [_drain(connection, settings, each, config, by) for each in live if each.over_since is None]


def _drain(connection: Connection, settings: Settings, worker: WorkerRecord, config: Pool | None, by: By) -> Drained:
    within = (config or Pool(name=worker.pool)).drain_timeout
    why = f"drained by {by}"
    drained = workers.drain(connection, worker.worker_id, WorkerEnd.DRAINED, why=why, within=within)
    is_new = drained is not None
    if drained is None and worker.state in _STARTS and worker.end_wanted is None:
        workers.want_end(connection, worker.worker_id, WorkerEnd.DRAINED)  # it has nothing to finish
        is_new = True
    if is_new:
        keep_order(connection, settings, worker.pool, by, why, kind=PoolAction.DRAIN, worker_ids=[worker.worker_id])
    has_task = drained is not None and drained.held is not None
    return Drained(worker_id=worker.worker_id, pool=worker.pool, is_new=is_new, has_task=has_task, within=within)


def keep_order(
    connection: Connection,
    settings: Settings,
    pool: str,
    by: By,
    why: str,
    *,
    kind: PoolAction | None = None,
    worker_ids: Sequence[UUID] = (),
) -> None:
    """Keep an order among the decisions, so that one list says why there are as many workers as there are."""
    actions = [] if kind is None else [{"kind": kind.value, "worker_id": str(each), "why": why} for each in worker_ids]
    decisions.keep(connection, settings.deployment, pool, inputs={"requested_by": by.user}, actions=actions, why=why)
