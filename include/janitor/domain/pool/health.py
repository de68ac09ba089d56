"""How a single worker is: alive, at work, at the end of its life. What it says is a stranger's word.

Three clocks: life (a sign of its own or its machine's state), progress (of its task; only ever told), and its task's
hard limit. Nothing is concluded from silence at the first look, nor while its provider doesn't answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from janitor.domain.pool.actions import Action, PoolAction
from janitor.domain.pool.capacity import STARTING, WORKING, is_spent, is_too_old_for_all
from janitor.domain.pool.durations import seconds_text
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.domain.pool.view import HeldTask, PoolView, WorkerSeen


def health(worker: WorkerSeen, view: PoolView, pool: Pool, now: datetime) -> Action | None:
    """What is to be done about one worker, whatever the pool wants; at most one thing in a pass.

    Args:
        worker: Of the view.
        view: The whole look.
        pool: Its pool.
        now: The present.
    """
    if worker.state is WorkerState.TERMINATING:
        return None
    found = _mourned(worker, view, pool, now) or _task_over(worker, pool, now)
    if found is None and not worker.is_kept:
        found = _decided_before(worker) or _over(worker, view, pool, now) or _recycled(worker, view, pool, now)
    return found or _without_progress(worker, pool, now)


def _mourned(worker: WorkerSeen, view: PoolView, pool: Pool, now: datetime) -> Action | None:
    """Its life: the first look that finds none makes it suspect, the second with other evidence ends it."""
    if worker.state in (WorkerState.LOST, WorkerState.QUARANTINED):
        return None
    silence = _silence(worker, now)
    is_silent = worker.state not in STARTING and silence > pool.heartbeat_timeout
    is_gone = view.is_provider_known and worker.is_machine_gone is True
    if worker.suspect_since is not None and not is_silent and worker.is_machine_gone is not True:
        return _about(worker, PoolAction.CLEAR, "it shows life again")
    if not view.is_provider_known or not (is_silent or is_gone):
        return None
    said = f"no sign of life for {seconds_text(silence)}"
    if is_gone and (is_silent or worker.suspect_since is not None):
        why = f"its machine has ended, and {said}" if is_silent else "its machine has ended, at the second look too"
        return _about(worker, PoolAction.LOSE, why, WorkerEnd.LOST)
    if worker.suspect_since is None:
        return _about(worker, PoolAction.SUSPECT, "its machine is shown as ended" if is_gone else said)
    if now - worker.suspect_since >= pool.heartbeat_timeout and not worker.is_kept:
        why = f"{said}, at the second look too, and its provider answers"
        return _about(worker, PoolAction.LOSE, why, WorkerEnd.LOST)
    return None


def _silence(worker: WorkerSeen, now: datetime) -> timedelta:
    signs = (worker.requested_at, worker.ready_at, worker.last_alive_at, worker.last_task_ended_at)
    return now - max(sign for sign in signs if sign is not None)


def _task_over(worker: WorkerSeen, pool: Pool, now: datetime) -> Action | None:
    """Its task's hard limit. Whoever waits for the task ends it before; this is for where nobody does any more."""
    if worker.task is None or now < _hard_limit(worker.task, pool):
        return None
    why = f"its task's hard limit passed {seconds_text(now - _hard_limit(worker.task, pool))} ago"
    return _about(worker, PoolAction.EXPIRE, why, None if worker.is_kept else WorkerEnd.RECYCLED)


def _hard_limit(task: HeldTask, pool: Pool) -> datetime:
    if pool.stuck_timeout is None:
        return task.deadline_at
    return min(task.deadline_at, task.claimed_at + pool.stuck_timeout)


def _decided_before(worker: WorkerSeen) -> Action | None:
    """An end that an earlier pass, or a person, decided, and that wasn't carried out."""
    if worker.state in (WorkerState.LOST, WorkerState.QUARANTINED):
        end = WorkerEnd(worker.state.value)
        return _about(worker, PoolAction.TERMINATE, f"it is {worker.state.value}", end)
    if worker.end_wanted and worker.state is not WorkerState.DRAINING:
        return _about(worker, PoolAction.TERMINATE, "its end was decided before", worker.end or WorkerEnd.DRAINED)
    return None


def _over(worker: WorkerSeen, view: PoolView, pool: Pool, now: datetime) -> Action | None:
    """What has had its time: to start, to drain, to be cleaned."""
    if worker.state in STARTING:
        began = max(worker.requested_at, view.watched_since or worker.requested_at)
        if view.is_provider_known and now - began > pool.spawn_timeout:
            why = f"it took no order in {seconds_text(now - worker.requested_at)}"
            return _about(worker, PoolAction.TERMINATE, why, WorkerEnd.SPAWN_TIMEOUT)
        return None
    if worker.state is WorkerState.DRAINING:
        end = worker.end or WorkerEnd.DRAINED
        if worker.task is None:
            return _about(worker, PoolAction.TERMINATE, "it drained, and has no task", end)
        if worker.drain_deadline_at is not None and now >= worker.drain_deadline_at:
            why = (
                f"it drained for too long: its task is given back, {seconds_text(now - worker.drain_deadline_at)} late"
            )
            return _about(worker, PoolAction.TERMINATE, why, end)
        return None
    if worker.state is WorkerState.BUSY and worker.task is None:
        idle = now - (worker.last_task_ended_at or worker.requested_at)
        if idle > pool.drain_timeout:
            why = f"its task ended {seconds_text(idle)} ago, and it never was clean again"
            return _about(worker, PoolAction.TERMINATE, why, WorkerEnd.RECYCLED)
    return None


def _recycled(worker: WorkerSeen, view: PoolView, pool: Pool, now: datetime) -> Action | None:
    """One without a task that has had enough of them, or is old enough."""
    if worker.state is not WorkerState.READY:
        return None
    if is_spent(worker, pool, now):
        said = "it was for one task" if worker.is_single_use else f"{worker.tasks_done} tasks of {pool.max_tasks}"
        why = f"it has had its time: {said}, {seconds_text(now - worker.requested_at)} old"
        return _about(worker, PoolAction.DRAIN, why, WorkerEnd.RECYCLED)
    if is_too_old_for_all(worker, view.waiting, pool, now):
        return _about(
            worker, PoolAction.DRAIN, "nothing that waits fits into what is left of its life", WorkerEnd.RECYCLED
        )
    return None


def _without_progress(worker: WorkerSeen, pool: Pool, now: datetime) -> Action | None:
    """A task of which nothing is heard. It is told, and nothing is done: builds are silent for long."""
    if worker.task is None or worker.state not in (*WORKING, WorkerState.DRAINING):
        return None
    silence = now - (worker.task.last_progress_at or worker.task.claimed_at)
    if silence <= pool.no_progress_warning:
        return None
    return _about(worker, PoolAction.WARN, f"its task made no progress for {seconds_text(silence)}")


def _about(worker: WorkerSeen, kind: PoolAction, why: str, end: WorkerEnd | None = None) -> Action:
    return Action(kind=kind, why=why, worker_id=worker.worker_id, end=end)
