"""What a worker may still take: its trust domain, its count of tasks, and what is left of its life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from janitor.domain.pool.durations import seconds_text
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerState
from janitor.domain.pool.view import Waiting, WorkerSeen

STARTING = frozenset({WorkerState.REQUESTED, WorkerState.SPAWNING})
WORKING = frozenset({WorkerState.READY, WorkerState.BUSY})


def life_left(worker: WorkerSeen, pool: Pool, now: datetime) -> timedelta:
    """What is left of a worker's life, which begins with the request; never less than nothing.

    On our own hosts it has no end.
    """
    if not pool.makes_workers:
        return timedelta.max
    return max(worker.requested_at + pool.max_lifetime - now, timedelta())


def is_fresh(worker: WorkerSeen) -> bool:
    """Whether nobody's code has run on it."""
    return worker.trust_domain is None and not worker.is_single_use


def is_trusted(worker: WorkerSeen, trust_domain: str | None) -> bool:
    """Whether code of a trust domain may run where this worker's tasks ran; None: only where none did."""
    return is_fresh(worker) or (trust_domain is not None and worker.trust_domain == trust_domain)


def is_spent(worker: WorkerSeen, pool: Pool, now: datetime) -> bool:
    """Whether it has had all that a worker may have."""
    is_used_up = worker.is_single_use and worker.state is not WorkerState.BUSY
    if not pool.makes_workers:
        return is_used_up
    return is_used_up or worker.tasks_done >= pool.max_tasks or not life_left(worker, pool, now)


def refusal(worker: WorkerSeen, pool: Pool, now: datetime, *, trust_domain: str | None, limit: timedelta) -> str | None:
    """Why a task may not be given to a worker now; None: it may.

    Whoever assigns asks this before the claim: the claim itself knows nothing of a worker's life and of debug leases.

    Args:
        worker: As it is seen.
        pool: Its pool.
        now: The present.
        trust_domain: The task's.
        limit: How long the task may take, its grace included.
    """
    if not worker.state.takes_tasks:
        return f"it is {worker.state.value}"
    if worker.end_wanted:
        return "it is to end"
    if worker.is_kept:
        return "a person holds it by a debug lease"
    if worker.suspect_since is not None:
        return "it shows no life"
    if is_spent(worker, pool, now):
        return "it has had all that a worker may have"
    if not is_trusted(worker, trust_domain):
        return "another one's code ran on it"
    if life_left(worker, pool, now) < limit:
        return f"the {seconds_text(life_left(worker, pool, now))} that it has left are too few"
    return None


def may_take(worker: WorkerSeen, pool: Pool, now: datetime, *, trust_domain: str | None, limit: timedelta) -> bool:
    """Whether a task may be given to a worker now; see `refusal`."""
    return refusal(worker, pool, now, trust_domain=trust_domain, limit=limit) is None


def fits_ever(group: Waiting, pool: Pool) -> bool:
    """Whether a worker that is spawned now could take one of these."""
    return group.shortest <= pool.longest_task


def leaves_waiting(worker: WorkerSeen, group: Waiting, pool: Pool, now: datetime, watched: datetime | None) -> bool:
    """Whether it has been idle for so long beside these that it evidently doesn't take them, for whatever reason.

    What can't be claimed for it (it had that task before, or lacks what is required) isn't seen here. Without this such
    a task and such a worker would wait for each other.
    """
    since = max(worker.idle_since or worker.requested_at, group.oldest_at, watched or group.oldest_at)
    return now - since > pool.heartbeat_timeout


def takes_again(worker: WorkerSeen, group: Waiting, pool: Pool, now: datetime) -> bool:
    """Whether a worker that has a task may take one of these after it."""
    has_count = worker.tasks_done + 1 < pool.max_tasks or not pool.makes_workers
    return (
        has_count
        and not worker.is_single_use
        and group.trust_domain is not None
        and worker.trust_domain == group.trust_domain
        and life_left(worker, pool, now) >= group.shortest
    )


def is_too_old_for_all(worker: WorkerSeen, groups: Sequence[Waiting], pool: Pool, now: datetime) -> bool:
    """Whether something waits that it might have taken, and nothing of that fits into what is left of its life."""
    trusted = [group for group in groups if is_trusted(worker, group.trust_domain) and fits_ever(group, pool)]
    return bool(trusted) and all(life_left(worker, pool, now) < group.shortest for group in trusted)
