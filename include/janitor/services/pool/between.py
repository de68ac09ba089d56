"""Between two tasks: what a worker's machine has to show before it may have its first one, and each further one.

A worker that is busy and has no task is here. Whoever ended its task calls this at once, and again until its machine
has answered; so does whoever waits for a worker, and each pass.
"""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.reuse import Fitness, Judgement
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.services.pool import scrub
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import passes, tasks, workers
from janitor.stores.pool.records import WorkerRecord

log = LineLogger(__name__)


def is_between(worker: WorkerRecord) -> bool:
    """Whether it has no task, and has yet to show that it may have one."""
    if worker.instance_id is None or worker.end_wanted is not None:
        return False
    return worker.state is WorkerState.SPAWNING or (worker.state is WorkerState.BUSY and worker.task is None)


def make_ready(settings: Settings, worker_id: UUID) -> bool:
    """Make a worker ready that booted, or whose task is over, if its machine is as it was; end it if it isn't.

    Returns:
        Whether it is ready now.

    Raises:
        CloudError: Its machine can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with passes.look_lock(settings.writer_url, worker_id) as free:
        # Several wait for a worker at once, and its machine is asked once.
        return free and _make_ready(settings, worker_id)


def _make_ready(settings: Settings, worker_id: UUID) -> bool:
    with transaction(settings.writer_url) as connection:
        worker = workers.get(connection, worker_id)
        given, last = tasks.given_to(connection, worker_id)
    if worker is None or worker.instance_id is None or not is_between(worker):
        return False
    judgement = _look(settings, worker, worker.instance_id, given=given, last=last)
    if judgement is None:
        return False
    with transaction(settings.writer_url) as connection:
        if not workers.lock_as_seen(connection, worker):
            # The lock of the look was lost with its connection, and another look was faster: it may be at work by now.
            return False
        if judgement.fitness is not Fitness.KEEP:
            log.warning("worker %s gets no further task: %s", worker_id, judgement.reason)
            _give_up(connection, worker, judgement.fitness)
            return False
        if worker.state is WorkerState.SPAWNING and worker.ledger_id is not None:
            # It took an order and answered: that launching works is proven.
            now = datetime.now(timezone.utc)
            ledger.keep_command_start(connection, worker.ledger_id, now)
            ledger.keep_command_end(connection, worker.ledger_id, now)
        workers.keep_alive(connection, worker_id)
        return workers.move(connection, worker_id, WorkerState.READY)


def _look(
    settings: Settings, worker: WorkerRecord, instance_id: str, *, given: int, last: UUID | None
) -> Judgement | None:
    """What its machine has shown; None: it was asked, and hasn't answered yet.

    Each look has the number of the worker's claims, not of the tasks that were done: one that was given back ran there,
    too, and what the machine answered before it says nothing of the machine after it.
    """
    if worker.state is WorkerState.SPAWNING:
        if not scrub.begin_ready_check(settings, worker.worker_id, instance_id):
            return None
        return scrub.look(settings, worker.worker_id, instance_id, ordinal=0)
    if given == 0:
        return None  # busy, and its claim isn't to be seen yet
    scrub.begin_scrub(settings, worker.worker_id, instance_id, ordinal=given, validation_id=last)
    return scrub.look(settings, worker.worker_id, instance_id, ordinal=given)


def _give_up(connection: Connection, worker: WorkerRecord, fitness: Fitness) -> None:
    if worker.state is WorkerState.SPAWNING:
        # It counts against launching: the next one would come to the same.
        workers.want_end(connection, worker.worker_id, WorkerEnd.SPAWN_FAILED)
    elif fitness is Fitness.QUARANTINE:
        workers.move(connection, worker.worker_id, WorkerState.QUARANTINED, end=WorkerEnd.QUARANTINED)
    else:
        workers.want_end(connection, worker.worker_id, WorkerEnd.RECYCLED)
