"""Workers and looks as the tests of the pool need them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerState
from janitor.domain.pool.view import Brake, HeldTask, PoolView, Waiting, WorkerSeen

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
POOL = Pool(name="gpu", instance_types=("g5.xlarge",))
ACME, OTHER = "organization:acme", "organization:other"


def number(value: int) -> UUID:
    """A worker's id."""
    return UUID(int=value)


def worker(value: int, state: WorkerState = WorkerState.READY, **changes: Any) -> WorkerSeen:
    """A healthy worker that was requested ten minutes ago and just became ready; its number orders it by age."""
    has_been_ready = state not in (WorkerState.REQUESTED, WorkerState.SPAWNING)
    given: dict[str, Any] = {
        "trust_domain": None,
        "is_single_use": False,
        "requested_at": NOW - 10 * MINUTE + value * SECOND,
        "ready_at": NOW - MINUTE if has_been_ready else None,
        "last_alive_at": NOW - 5 * SECOND if has_been_ready else None,
        "is_machine_gone": False,
        "suspect_since": None,
        "last_task_ended_at": None,
        "tasks_done": 0,
        "task": task() if state is WorkerState.BUSY else None,
        "drain_deadline_at": NOW + 10 * MINUTE if state is WorkerState.DRAINING else None,
        "end_wanted": state is WorkerState.DRAINING,
        "surplus_since": None,
    }
    return WorkerSeen(worker_id=number(value), state=state, **(given | changes))


def task(**changes: Any) -> HeldTask:
    """A task that began a minute ago."""
    given: dict[str, Any] = {
        "task_id": UUID(int=99),
        "fence": 1,
        "claimed_at": NOW - MINUTE,
        "lease_until": NOW + MINUTE,
        "deadline_at": NOW + 30 * MINUTE,
        "last_progress_at": NOW - 10 * SECOND,
    }
    return HeldTask(**(given | changes))


def waiting(count: int, trust_domain: str | None = ACME, **changes: Any) -> Waiting:
    """Tasks that wait since twenty seconds, of which each may take half an hour."""
    given: dict[str, Any] = {"oldest_at": NOW - 20 * SECOND, "shortest": 30 * MINUTE}
    return Waiting(trust_domain=trust_domain, count=count, **(given | changes))


def view(*workers: WorkerSeen, **changes: Any) -> PoolView:
    """A look at a deployment in which everything is in order; a boot takes 150 s, a task five minutes."""
    given: dict[str, Any] = {
        "waiting": (),
        "places_left": 10,
        "affordable": None,
        "brake": Brake(),
        "is_stopped": False,
        "is_provider_known": True,
        "runs_under_way": 1,
        "boot_median": 150 * SECOND,
        "task_median": 5 * MINUTE,
    }
    return PoolView(workers=workers, **(given | changes))
