"""The end of a pooled validation's task: the task ends, its turn closes, and its worker goes on or is given up.

All of it can be repeated: a task that has ended stays ended, and a worker that was left between two tasks is gone on
with by the next pass.
"""

from __future__ import annotations

from enum import Enum
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.domain.states import ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.services.pool.assign import assign_tasks
from janitor.services.pool.between import make_ready
from janitor.services.watch.conclude import conclude_validation
from janitor.settings import Settings
from janitor.stores import ledger, validations
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import passes, tasks, turns, workers
from janitor.stores.pool.records import Held, TaskRecord, owner_of_worker
from janitor.stores.records import ValidationRecord

log = LineLogger(__name__)

_LOSSES = frozenset(
    {
        WatchOutcome.INSTANCE_LOST,
        WatchOutcome.SPOT_INTERRUPTED,
        WatchOutcome.NEVER_ONLINE,
        WatchOutcome.NO_SIGN_OF_LIFE,
    }
)


class Leaving(Enum):
    """How a worker comes out of a task, and what it is then."""

    CLEAN = None  # its validator ended by itself and handed in a report that is believed
    UNCLEAN = (WorkerState.QUARANTINED, WorkerEnd.QUARANTINED)  # a stranger's processes may still be at work
    LOST = (WorkerState.LOST, WorkerEnd.LOST)


def release(settings: Settings, validation_id: UUID) -> str:
    """End the task of a validation that has or gets no more than it has; returns in words what became of its worker.

    A validation that is still at work is stopped: nobody waits for it any more.

    Raises:
        CloudError: AWS can't be asked how it ended.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        validation = validations.get_validation(connection, validation_id)
        task = tasks.of_validation(connection, validation_id)
    if task is None:
        return "it never had a task"
    held = task.held
    if held is None:
        return _without_holder(settings, validation, task)
    leaving = leaving_of(settings, validation)
    state = _final_state(validation)
    with transaction(settings.writer_url) as connection:
        if not tasks.finish(connection, held, state, {"status": validation.status.value}):
            return f"worker {held.worker_id} doesn't have it any more"
        leave(connection, held, leaving)
    said = (validation_id, state.value, held.worker_id, leaving.name.lower())
    log.info("the task of %s is %s; its worker %s comes out of it %s", *said)
    if leaving is not Leaving.CLEAN:
        _stop_command(settings, validation)
        return f"worker {held.worker_id} gets no further task ({leaving.name.lower()})"
    return _go_on(settings, held.worker_id, task.pool)


def release_run(settings: Settings, run_id: UUID) -> list[UUID]:
    """Release all of a run's validations with an open task; returns them.

    Raises:
        As `release`.
    """
    with transaction(settings.writer_url) as connection:
        found = passes.open_of_run(connection, run_id)
    for validation_id in found:
        log.info("%s: %s", validation_id, release(settings, validation_id))
    return found


def leaving_of(settings: Settings, validation: ValidationRecord) -> Leaving:
    """How a validation leaves the worker that has it, as far as anybody knows.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    if validation.watch_outcome in _LOSSES:
        return Leaving.LOST
    if validation.watch_outcome is not WatchOutcome.COMMAND_FINISHED:
        return Leaving.UNCLEAN
    if validation.status.is_final:
        with transaction(settings.writer_url) as connection:
            has_report = passes.has_report(connection, validation.validation_id)
    else:
        has_report = conclude_validation(settings, validation.validation_id).conclusion.report is not None
    return Leaving.CLEAN if has_report else Leaving.UNCLEAN


def leave(connection: Connection, held: Held, leaving: Leaving) -> None:
    """Close the turn of a claim that is over; a worker that can't go on is over, too, and its machine nobody's host."""
    turns.end(connection, held)
    if leaving.value is None:
        return
    state, end = leaving.value
    workers.move(connection, held.worker_id, state, end=end)
    machine = ledger.live_of(connection, owner_of_worker(held.worker_id))
    if machine is not None:
        ledger.give_up(connection, machine.ledger_id)


def _final_state(validation: ValidationRecord) -> TaskState:
    if validation.status is ValidationStatus.CANCELLED:
        return TaskState.CANCELLED
    if validation.status.is_final or validation.watch_outcome is not None:
        return TaskState.DONE
    return TaskState.CANCELLED


def _without_holder(settings: Settings, validation: ValidationRecord, task: TaskRecord) -> str:
    if not task.state.is_final:
        with transaction(settings.writer_url) as connection:
            ended = tasks.cancel_of_validation(connection, validation.validation_id, _final_state(validation))
            if ended is not None and ended.held is not None:
                leave(connection, ended.held, Leaving.UNCLEAN)  # claimed in this moment: its order may be on its way
        return "nobody had it"
    if task.last_claim is None:
        return "nobody had it"
    return _go_on(settings, task.last_claim.held.worker_id, task.pool)


def _go_on(settings: Settings, worker_id: UUID, pool: str) -> str:
    """Have the worker go on at once; what can't be done now, a pass does."""
    try:
        is_ready = make_ready(settings, worker_id)
        if is_ready:
            assign_tasks(settings, pool)
    except CloudError as exc:
        log.warning("worker %s is gone on with by the next pass: %s", worker_id, exc)
        return f"worker {worker_id} is gone on with by the next pass"
    return f"worker {worker_id} is ready again" if is_ready else f"worker {worker_id} isn't ready yet"


def _stop_command(settings: Settings, validation: ValidationRecord) -> None:
    """Tell a validator that nobody waits for; its machine ends in any case."""
    if validation.command_id is None or validation.watch_outcome is WatchOutcome.COMMAND_FINISHED:
        return
    with transaction(settings.writer_url) as connection:
        task = tasks.of_validation(connection, validation.validation_id)
        worker = workers.get(connection, task.last_claim.held.worker_id) if task and task.last_claim else None
    if worker is None or worker.instance_id is None or worker.provider is not Provider.EC2:
        return
    try:
        ssm.cancel(CloudAccess.of(settings), worker.instance_id, validation.command_id)
    except CloudError as exc:
        log.warning("the command of %s goes on until its machine ends: %s", validation.validation_id, exc)
