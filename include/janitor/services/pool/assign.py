"""Giving tasks to ready workers: the claim, the turn on the machine, and the order on its way, as fast as that goes.

Whoever calls it, the claim is one statement and its turn is in the same transaction: a task that is held has a machine.
That its command was sent isn't kept in it; `validate` finds the command by its comment, or sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import CloudError, ConflictError, DatabaseError, JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.capacity import refusal
from janitor.domain.pool.pool import Pool, Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.services.pool.between import is_between, make_ready
from janitor.services.pool.known import Known, known_pools
from janitor.services.watch.watch import NoInstanceError, Watch
from janitor.settings import Settings
from janitor.stores import ledger, validations
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import passes, stops, tasks, turns, workers
from janitor.stores.pool.records import Claim, WorkerRecord, owner_of_worker

LEASE = timedelta(minutes=20)
"""Of a task whose worker is looked at from here: renewed by each pass that sees life, it outlasts a provider or a
control side that is away for a while. A machine that is gone is seen long before."""
_DRAIN_WITHIN = timedelta(minutes=1)

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """A task that a worker was given."""

    validation_id: UUID
    worker_id: UUID
    instance_id: str


class _NotForIt(Exception):
    """The claimed task can't be carried out by this worker."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


def assign_tasks(settings: Settings, pool: str | None = None, known: Known | None = None) -> list[Assigned]:
    """Give waiting tasks to ready workers, of one pool or of all, and send their orders.

    Args:
        settings: Of the environment.
        pool: Its name; None: every pool.
        known: The pools as they are configured. Default: the deployment's configuration is read where that matters.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        if not passes.queued(connection, settings.deployment):
            return []
        stopped = {one.pool for one in stops.stopped(connection, settings.deployment)}
        live = workers.live(connection, settings.deployment, pool)
    if _tended(settings, live):
        with transaction(settings.writer_url) as connection:
            live = workers.live(connection, settings.deployment, pool)
    ready = [
        worker
        for worker in live
        if worker.state is WorkerState.READY and worker.pool not in stopped and worker.provider is not Provider.LOCAL
    ]
    if not ready:
        return []
    try:
        known = known or known_pools(settings)
    except JanitorError as exc:
        log.warning("nothing is given to a worker now, as the configuration can't be used: %s", exc)
        return []
    given = [one for one in (_give_next(settings, worker, known) for worker in ready) if one is not None]
    for one in given:
        deliver(settings, one.validation_id)
    return given


def _tended(settings: Settings, live: Sequence[WorkerRecord]) -> bool:
    """Have workers between two tasks go on, so that nobody waits for a pass to see it; whether one is ready now."""
    found = False
    for worker in live:
        if not is_between(worker) or worker.provider is not Provider.EC2:
            continue
        try:
            found |= make_ready(settings, worker.worker_id)
        except CloudError as exc:
            log.warning("worker %s is looked at by the next pass: %s", worker.worker_id, exc)
    return found


def deliver(settings: Settings, validation_id: UUID) -> bool:
    """Send a validation's command to the machine on which it has its turn; whether it is on its way."""
    try:
        watch = Watch(settings, validation_id)
        watch.step()
        if watch.watched.command_id is None:
            return False
        with transaction(settings.writer_url) as connection:
            task = tasks.of_validation(connection, validation_id)
            if task is not None and task.held is not None and task.state is TaskState.CLAIMED:
                tasks.begin(connection, task.held)
    except (CloudError, DatabaseError, NoInstanceError) as exc:
        log.warning("the order of %s is left to its `validate` task: %s", validation_id, exc)
        return False
    return True


def _give_next(settings: Settings, worker: WorkerRecord, known: Known) -> Assigned | None:
    """The next task that the worker may have and can hold, with its turn; None: there is none."""
    pool = known.pools.get(worker.pool)
    if pool is None or not _may_take_any(worker, pool):
        return None
    while True:
        try:
            with transaction(settings.writer_url) as connection:
                claim = tasks.claim(connection, worker.worker_id, lease=LEASE)
                if claim is None:
                    return None
                if _is_wanted(connection, claim):
                    _require_time(worker, pool, claim, known.grace)
                    return _turn_of(connection, worker, claim)
                # Its run ended while it waited.
                workers.move(connection, worker.worker_id, WorkerState.READY)
        except _NotForIt as exc:
            _recycle(settings, worker, str(exc))
            return None
        except ConflictError as exc:
            log.warning("worker %s gets nothing now: %s", worker.worker_id, exc)
            return None


def _is_wanted(connection: Connection, claim: Claim) -> bool:
    """Whether the claimed task's validation is still open; ends the task where it isn't."""
    if claim.validation_id is None:
        tasks.finish(connection, claim.held, TaskState.DONE)
        return False
    validation = validations.get_validation(connection, claim.validation_id)
    if not validation.status.is_final and not validation.run_status.is_final:
        return True
    state = TaskState.DONE if validation.status.is_final else TaskState.CANCELLED
    tasks.cancel_of_validation(connection, claim.validation_id, state)
    return False


def _may_take_any(worker: WorkerRecord, pool: Pool) -> bool:
    """Whether the worker itself may have a further task; the claim knows nothing of its life and of debug leases."""
    now = datetime.now(timezone.utc)
    seen = worker.seen(is_machine_gone=None)
    why = refusal(seen, pool, now, trust_domain=worker.trust_domain, limit=timedelta())
    if why is not None:
        log.info("worker %s gets nothing now: %s", worker.worker_id, why)
    return why is None


def _require_time(worker: WorkerRecord, pool: Pool, claim: Claim, grace: timedelta) -> None:
    """A worker is given nothing that may take longer than what is left of its life."""
    ends_at = worker.requested_at + pool.max_lifetime
    if claim.deadline_at + grace > ends_at:
        raise _NotForIt(
            f"its life ends at {ends_at:%H:%M:%S} UTC, and the next task may take until"
            f" {claim.deadline_at + grace:%H:%M:%S} UTC"
        )


def _turn_of(connection: Connection, worker: WorkerRecord, claim: Claim) -> Assigned:
    assert claim.validation_id is not None
    host = ledger.live_of(connection, owner_of_worker(worker.worker_id))
    if host is None or host.instance_id is None:
        raise _NotForIt("its machine is gone")
    turns.give(connection, claim, claim.validation_id, host)
    log.info(
        "worker %s (%s) has validation %s under fence %s until %s",
        worker.worker_id,
        host.instance_id,
        claim.validation_id,
        claim.held.fence,
        claim.deadline_at,
    )
    return Assigned(validation_id=claim.validation_id, worker_id=worker.worker_id, instance_id=host.instance_id)


def _recycle(settings: Settings, worker: WorkerRecord, why: str) -> None:
    """It can't hold what waits: another one is to be had in its place."""
    log.info("worker %s gets no further task: %s", worker.worker_id, why)
    with transaction(settings.writer_url) as connection:
        workers.drain(connection, worker.worker_id, WorkerEnd.RECYCLED, why=why, within=_DRAIN_WITHIN, only_idle=True)
