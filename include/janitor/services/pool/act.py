"""Carrying out what a pass decided. Each action may be cut off anywhere: what it wants is written before it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import BudgetRefusedError, JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.actions import Action, Decision, PoolAction
from janitor.domain.pool.pool import Pool, Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.services.pool.ending import end_worker
from janitor.services.pool.give_back import give_back
from janitor.services.pool.known import Known
from janitor.services.pool.release import Leaving, leave
from janitor.services.pool.spawn import advance_spawn, request_worker
from janitor.settings import Settings
from janitor.stores import validations
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import tasks, workers

_AFTER_GRACE = timedelta(minutes=2)
"""How much longer than a task's limit and grace whoever waits for it has to conclude it himself."""
_DEADLINE = "deadline"

log = LineLogger(__name__)


@dataclass(kw_only=True)
class Acted:
    """What became of a decision."""

    done: list[str] = field(default_factory=list)
    """In words, in their order."""
    problems: list[str] = field(default_factory=list)


def act(settings: Settings, pool: Pool, known: Known, decision: Decision) -> Acted:
    """Carry out a decision; one action that can't be carried out keeps no other from being.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    acted = Acted()
    for action in decision.actions:
        try:
            said = _one(settings, pool, known, action)
        except BudgetRefusedError as exc:
            acted.problems.append(f"{action.kind.value}: {exc}")
        except JanitorError as exc:
            log.warning("pool %s: %s of %s: %s", pool.name, action.kind.value, action.worker_id or "a worker", exc)
            acted.problems.append(f"{action.kind.value} {action.worker_id or ''}: {exc}")
        else:
            acted.done.append(f"{action.kind.value}: {said} ({action.why})")
    return acted


def _one(settings: Settings, pool: Pool, known: Known, action: Action) -> str:
    if action.kind is PoolAction.SPAWN:
        return _spawn(settings, pool, known, action)
    assert action.worker_id is not None
    if action.kind is PoolAction.WARN:
        log.warning("pool %s: worker %s: %s", pool.name, action.worker_id, action.why)
    elif action.kind in _MARKS:
        with transaction(settings.writer_url) as connection:
            _MARKS[action.kind](connection, action.worker_id)
    elif action.kind is PoolAction.DRAIN:
        _drain(settings, pool, action, action.worker_id)
    elif action.kind is PoolAction.TERMINATE:
        end_worker(settings, action.worker_id, action.end or WorkerEnd.DRAINED, action.why)
    elif action.kind is PoolAction.LOSE:
        _lose(settings, action, action.worker_id)
    else:
        return _expire(settings, action, action.worker_id)
    return f"worker {action.worker_id}"


_MARKS: Mapping[PoolAction, Callable[[Connection, UUID], None]] = {
    PoolAction.SUSPECT: workers.mark_suspect,
    PoolAction.CLEAR: workers.clear_marks,
    PoolAction.MARK_SURPLUS: workers.mark_surplus,
}


def _spawn(settings: Settings, pool: Pool, known: Known, action: Action) -> str:
    if pool.provider is Provider.LOCAL:
        return "nothing: its workers are started on their own hosts"
    said = []
    for _ in range(action.count):
        worker_id = request_worker(settings, pool, known)
        said.append(advance_spawn(settings, pool, known, worker_id))
    return "; ".join(said)


def _drain(settings: Settings, pool: Pool, action: Action, worker_id: UUID) -> None:
    """One that had nothing to do is drained only if that is so still; one without a task is ended at once."""
    now = datetime.now(timezone.utc)
    within = action.until - now if action.until is not None else pool.drain_timeout
    end = action.end or WorkerEnd.DRAINED
    with transaction(settings.writer_url) as connection:
        seen = workers.get(connection, worker_id)
        was_idle = seen is not None and seen.state is WorkerState.READY
        drained = workers.drain(
            connection, worker_id, end, why=action.why, within=max(within, timedelta()), only_idle=was_idle
        )
    if drained is not None and drained.held is None:
        end_worker(settings, worker_id, end, action.why)


def _lose(settings: Settings, action: Action, worker_id: UUID) -> None:
    with transaction(settings.writer_url) as connection:
        worker = workers.get(connection, worker_id)
        if worker is not None and worker.held is not None:
            give_back(connection, worker.held, Leaving.LOST)
        workers.move(connection, worker_id, WorkerState.LOST, end=WorkerEnd.LOST)
    end_worker(settings, worker_id, WorkerEnd.LOST, action.why)


def _expire(settings: Settings, action: Action, worker_id: UUID) -> str:
    """End a task that nobody ends though its limit and its grace are over; its worker goes with it, if that may end."""
    with transaction(settings.writer_url) as connection:
        worker = workers.get(connection, worker_id)
        if worker is None or worker.held is None or worker.task is None:
            return f"worker {worker_id} has no task any more"
        grace = timedelta()
        if worker.validation_id is not None:
            grace = validations.get_validation(connection, worker.validation_id).grace
        if datetime.now(timezone.utc) < worker.task.deadline_at + grace + _AFTER_GRACE:
            return f"worker {worker_id} still has its grace"
        tasks.finish(connection, worker.held, TaskState.EXPIRED, reason_code=_DEADLINE)
        leave(connection, worker.held, Leaving.UNCLEAN)
    if action.end is not None:
        end_worker(settings, worker_id, WorkerEnd.QUARANTINED, action.why)
    return f"the task of worker {worker_id}"
