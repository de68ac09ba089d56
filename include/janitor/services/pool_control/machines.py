"""Orders that machines follow at once: workers asked for and ended, through the ledger as a pass would do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.pool.actions import PoolAction
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.services.pool.ending import end_worker
from janitor.services.pool.known import known_pools
from janitor.services.pool.spawn import request_worker
from janitor.services.pool_control.naming import pool_named, task_named, worker_named
from janitor.services.pool_control.orders import By, keep_order
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import stops, tasks, workers
from janitor.stores.pool.records import TaskRecord, WorkerRecord
from janitor.stores.queries import named_queries

GONE_WITHIN = timedelta(seconds=90)
"""How long the provider may take until it says that a machine has ended; a pass goes on after that."""
_ENDS_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Spawned:
    """Workers that were asked for."""

    pool: str
    worker_ids: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class Terminated:
    """What became of a worker."""

    worker_id: UUID
    pool: str
    instance_id: str | None
    is_over: bool
    """Whether its provider said so; False: it was told to end, and a pass goes on."""
    given_back: UUID | None
    """The task that it had."""


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What became of a task."""

    task_id: UUID
    pool: str
    state: TaskState
    """Afterwards."""
    from_worker: UUID | None
    """Whom it was taken from, and who was ended."""


def spawn_workers(settings: Settings, name: str | None, count: int, by: By) -> Spawned:
    """Ask for workers, with the money for them set aside. The next pass launches them, as its own.

    Raises:
        NotFoundError: There is no such pool in the configuration.
        ConflictError: It is stopped, has as many as it may have, or its workers are started by hand.
        BudgetRefusedError: The day's budget, or the pool's, doesn't allow one more; those before it are asked for.
        ConfigError: The configuration is wrong.
        CloudError: It lies in S3, and that can't be asked.
        DatabaseError: Postgres can't be used.
    """
    found = pool_named(settings, name)
    known = known_pools(settings)
    pool = known.pools.get(found)
    if pool is None:
        raise NotFoundError(f"pool {found} is in no configuration any more; what is left of it drains")
    if pool.provider is Provider.LOCAL:
        raise ConflictError(
            f"workers of pool {found} are processes of your own hosts: start one there with `janitor pool worker`"
        )
    with transaction(settings.reader_url) as connection:
        live = len(workers.live(connection, settings.deployment, found))
        is_stopped = stops.is_stopped(connection, settings.deployment, found)
    if is_stopped:
        raise ConflictError(f"pool {found} is stopped: `janitor pool resume {found}` first")
    if live + count > pool.max_workers:
        raise ConflictError(
            f"pool {found} has {live} live workers and may have {pool.max_workers}: {count} more are too many"
        )
    asked: list[UUID] = []
    for _ in range(count):
        asked.append(request_worker(settings, pool, known))
        with transaction(settings.writer_url) as connection:
            why = f"spawned by {by}"
            keep_order(connection, settings, found, by, why, kind=PoolAction.SPAWN, worker_ids=asked[-1:])
    return Spawned(pool=found, worker_ids=tuple(asked))


def terminate_worker(settings: Settings, beginning: str, by: By, *, is_now: bool) -> Terminated:
    """End a worker, and wait until its provider says that it has.

    Args:
        settings: Of the environment.
        beginning: Of its id, or of its machine's.
        by: Who orders it.
        is_now: Also one that has a task: that is given back without blame.

    Raises:
        NotFoundError: There is no such live worker.
        ConflictError: Several could be meant, it has a task, or a debug lease keeps its machine.
        CloudError: The provider can't be asked, or refuses; a pass goes on.
        DatabaseError: Postgres can't be used.
    """
    why = f"terminated by {by}"
    with transaction(settings.writer_url) as connection:
        worker = worker_named(settings, connection, beginning)
        if worker.is_kept:
            raise ConflictError(
                f"a debug lease keeps {worker.instance_id} of worker {worker.worker_id}: end that first, or"
                f" `janitor terminate {worker.instance_id}`"
            )
        if not is_now:
            _require_idle(worker)
            if worker.state is WorkerState.READY and not workers.drain(
                connection, worker.worker_id, WorkerEnd.OPERATOR, why=why, within=_ENDS_WITHIN, only_idle=True
            ):
                raise ConflictError(f"worker {worker.worker_id} has just been given a task: --now gives it back")
        workers.want_end(connection, worker.worker_id, WorkerEnd.OPERATOR)
        keep_order(connection, settings, worker.pool, by, why, kind=PoolAction.TERMINATE, worker_ids=[worker.worker_id])
    return _ended(settings, worker, why)


def _require_idle(worker: WorkerRecord) -> None:
    if worker.task is not None:
        raise ConflictError(
            f"worker {worker.worker_id} has task {worker.task.task_id}: --now gives that back, and"
            f" `janitor pool drain {str(worker.worker_id)[:8]}` lets it finish"
        )


def _ended(settings: Settings, worker: WorkerRecord, why: str) -> Terminated:
    is_over = end_worker(settings, worker.worker_id, WorkerEnd.OPERATOR, why, timeout=GONE_WITHIN)
    return Terminated(
        worker_id=worker.worker_id,
        pool=worker.pool,
        instance_id=worker.instance_id,
        is_over=is_over,
        given_back=None if worker.task is None else worker.task.task_id,
    )


def retry_task(settings: Settings, beginning: str, by: By) -> Retried:
    """Give a task to another worker, or let one that waits wait no longer.

    Whatever has it is ended: nobody can say what of the task goes on there. The task isn't blamed.

    Raises:
        NotFoundError: There is no such task.
        ConflictError: Several could be meant, or it has its end.
        CloudError: The provider can't be asked, or refuses; the task waits again all the same.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        task = task_named(settings, connection, beginning)
        worker = None if task.held is None else workers.get(connection, task.held.worker_id)
        if task.state.is_final:
            raise ConflictError(_final(task))
        named_queries().hurry_task(connection, task_id=task.task_id)
        keep_order(connection, settings, task.pool, by, f"task {task.task_id} is retried by {by}")
    if worker is not None:
        _ended(settings, worker, f"its task is retried by {by}")
    with transaction(settings.writer_url) as connection:
        after = tasks.get(connection, task.task_id)
    state = task.state if after is None else after.state
    from_worker = None if worker is None else worker.worker_id
    return Retried(task_id=task.task_id, pool=task.pool, state=state, from_worker=from_worker)


def _final(task: TaskRecord) -> str:
    if task.validation_id is None:
        return f"task {task.task_id} is {task.state.value}: `janitor pool test-task` queues another probe"
    return (
        f"task {task.task_id} is {task.state.value}, and an end stands: `make rerun RUN_ID=… FAILED=1` validates what"
        " was not successful again"
    )
