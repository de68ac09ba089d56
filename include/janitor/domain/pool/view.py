"""What a pass of the pool sees: its queue, its workers, and what stands in the way of more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from janitor.domain.pool.states import WorkerEnd, WorkerState


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Tasks of one trust domain that wait and could be carried out now."""

    trust_domain: str | None
    """None: each needs a worker of its own."""
    count: int
    oldest_at: datetime
    shortest: timedelta = timedelta()
    """How long the one of them that may take least may take, its grace included."""


@dataclass(frozen=True, kw_only=True)
class HeldTask:
    """The task that a worker has."""

    task_id: UUID
    fence: int
    claimed_at: datetime
    lease_until: datetime
    deadline_at: datetime
    """Its hard limit."""
    last_progress_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class WorkerSeen:
    """A live worker, as its row and its provider show it."""

    worker_id: UUID
    state: WorkerState
    trust_domain: str | None
    """None: it has had no task, or it is for one task alone."""
    is_single_use: bool
    """Whether it is for one task alone, which it has or had."""
    requested_at: datetime
    ready_at: datetime | None
    last_alive_at: datetime | None
    """By its own sign or its agent's."""
    is_machine_gone: bool | None
    """Whether its provider shows it ended; None: that isn't known now."""
    suspect_since: datetime | None
    """The first look that found no life."""
    last_task_ended_at: datetime | None
    tasks_done: int
    task: HeldTask | None
    drain_deadline_at: datetime | None
    end_wanted: bool
    """Whether its end was decided before, and not all of it was carried out. What drains has it too."""
    surplus_since: datetime | None
    """The first pass that found it idle for too long: the second ends it."""
    is_kept: bool = False
    """Whether a person holds its machine by a debug lease."""
    end: WorkerEnd | None = None
    """Why it ends, where that was decided before."""

    @property
    def idle_since(self) -> datetime | None:
        """Since when it has had nothing to do; None: it isn't idle. Heartbeats don't count."""
        if self.state is not WorkerState.READY or self.ready_at is None:
            return None
        return max(self.ready_at, self.last_task_ended_at or self.ready_at)


@dataclass(frozen=True, kw_only=True)
class Brake:
    """Whether machines may be spawned."""

    is_known: bool = True
    """False: the history can't be read; nothing is spawned then."""
    refuses: bool = False
    """Failures in a row have paused it."""
    is_trial: bool = False
    """One may be tried, and no more until that has taken an order."""
    headroom: int | None = None
    """How many may fail one after another before launches pause: no more start at once. None: that doesn't count."""
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class PoolView:
    """One look."""

    waiting: Sequence[Waiting]
    workers: Sequence[WorkerSeen]
    """The live ones."""
    places_left: int
    """Of the deployment's most machines at once."""
    affordable: int | None
    """How many more machines the budget has money for; None: without limit."""
    brake: Brake
    is_stopped: bool
    """A person stopped it; that wins over the configuration."""
    is_provider_known: bool
    """Whether its provider answered; if not, nothing is concluded from what it doesn't show."""
    runs_under_way: int
    """Of the deployment, that have tasks in this pool, or may still have some."""
    boot_median: timedelta
    task_median: timedelta
    watched_since: datetime | None = None
    """Since when passes follow one another and the provider answers them; None: always. Nobody is blamed for what was
    not done before, as nobody asked for it."""
