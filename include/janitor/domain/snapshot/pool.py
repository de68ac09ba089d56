"""Pools at one instant, and what of them somebody has to know of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskKind, TaskState, WorkerEnd, WorkerState

SILENT = timedelta(minutes=3)
"""How long a worker may show no life: two passes of every minute look in that time and would have lost it."""
NO_PROGRESS = timedelta(minutes=15)
"""How long a task may show none, where its pool says nothing else."""
PAST_LIMIT = timedelta(minutes=5)
"""How long after its hard limit a task may still be held: its validator's grace, and whoever waits for it."""
UNATTENDED = timedelta(minutes=5)
"""How long a pool that has something to do may be without a pass; one comes every minute."""
WAITS = timedelta(minutes=10)
"""How long a task may wait in a pool that has no worker and that nothing is spawned for."""

_HOLDS = (WorkerState.READY, WorkerState.BUSY, WorkerState.DRAINING)
_STARTS = (WorkerState.REQUESTED, WorkerState.SPAWNING)


@dataclass(frozen=True, kw_only=True)
class TaskGlance:
    """A task in a line."""

    task_id: UUID
    pool: str
    kind: TaskKind
    state: TaskState
    repository: str | None
    """`organization/name`; None: a probe."""
    run_id: UUID | None
    validation_id: UUID | None
    trust_domain: str | None
    """None: it needs a worker of its own."""
    attempts: int
    """Claims that count."""
    max_attempts: int
    queued_at: datetime
    not_before: datetime | None
    worker_id: UUID | None
    """Who has it."""
    fence: int | None
    claimed_at: datetime | None
    started_at: datetime | None
    lease_until: datetime | None
    deadline_at: datetime | None
    """Its hard limit; None: nobody has claimed it yet."""
    last_progress_at: datetime | None
    ended_at: datetime | None
    reason_code: str | None

    @property
    def name(self) -> str:
        """What it is about, in words."""
        return self.repository or self.kind.value


@dataclass(frozen=True, kw_only=True)
class WorkerGlance:
    """A worker in a line."""

    worker_id: UUID
    pool: str
    provider: Provider
    state: WorkerState
    instance_id: str | None
    """None: it has no machine yet, or none of ours."""
    instance_type: str | None
    market: str | None
    requested_at: datetime
    ready_at: datetime | None
    last_alive_at: datetime | None
    suspect_since: datetime | None
    last_task_ended_at: datetime | None
    over_since: datetime | None
    """Since when nothing comes of it any more."""
    ended_at: datetime | None
    tasks_done: int
    trust_domain: str | None
    is_single_use: bool
    drain_reason: str | None
    drain_deadline_at: datetime | None
    end_wanted: WorkerEnd | None
    end_reason: WorkerEnd | None
    expires_at: datetime | None
    """When the reaper ends its machine, whatever is the case."""
    keep_until: datetime | None
    cost_usd: Decimal | None
    """So far; None: it has no machine, or its price isn't known."""
    task: TaskGlance | None

    @property
    def idle_since(self) -> datetime | None:
        """Since when it has had nothing to do; None: it isn't idle."""
        if self.state is not WorkerState.READY or self.ready_at is None:
            return None
        return max(self.ready_at, self.last_task_ended_at or self.ready_at)

    @property
    def last_sign_at(self) -> datetime | None:
        """When it last showed life; None: it has yet to start, or is over."""
        return (self.last_alive_at or self.ready_at) if self.state in _HOLDS else None


@dataclass(frozen=True, kw_only=True)
class PoolGlance:
    """One pool."""

    name: str
    workers: Sequence[WorkerGlance]
    """The live ones, the oldest first."""
    tasks: Sequence[TaskGlance]
    """Those without an end, in the order in which they are claimed."""
    stopped_at: datetime | None
    """None: nobody stopped it."""
    stopped_by: str | None
    decided_at: datetime | None
    """When a pass last decided; None: never, or long ago."""
    why: str | None
    """What that said."""
    cost_usd: Decimal
    """Of its machines that were launched today (UTC), so far."""

    @property
    def waiting(self) -> Sequence[TaskGlance]:
        """Those that nobody has."""
        return [each for each in self.tasks if each.state is TaskState.QUEUED]

    @property
    def held(self) -> Sequence[TaskGlance]:
        """Those that a worker has."""
        return [each for each in self.tasks if each.state.is_held]

    @property
    def has_work(self) -> bool:
        """Whether a pass has something to do for it."""
        return bool(self.workers or self.tasks)


class PoolTrouble(str, Enum):
    """What may be wrong with a pool."""

    UNATTENDED = "unattended"  # no pass comes
    STALE = "stale"  # a worker shows no life
    STUCK = "stuck"  # a task doesn't come on
    QUARANTINED = "quarantined"  # a stranger left something on a worker
    WAITS = "waits"  # and nothing is spawned
    STOPPED = "stopped"  # and something waits


@dataclass(frozen=True, kw_only=True)
class PoolFinding:
    """One trouble."""

    what: PoolTrouble
    is_critical: bool
    subject: str
    """A worker, a task or a pool."""
    message: str
    next_step: str
    since: datetime | None = None


def pool_findings(pool: PoolGlance, now: datetime) -> Iterator[PoolFinding]:
    """Everything that is wrong with a pool, with value and limit."""
    yield from _unattended(pool, now)
    for worker in pool.workers:
        yield from _of_worker(worker, now)
    for task in pool.held:
        yield from _stuck(task, now)
    yield from _waits(pool, now)


def _unattended(pool: PoolGlance, now: datetime) -> Iterator[PoolFinding]:
    if not pool.has_work or (pool.decided_at is not None and now - pool.decided_at <= UNATTENDED):
        return
    began = min((*(each.requested_at for each in pool.workers), *(each.queued_at for each in pool.tasks)), default=now)
    if pool.decided_at is None and now - began <= UNATTENDED:
        return  # it has just got something to do
    told = (
        "none was ever made" if pool.decided_at is None else f"the last one was {_minutes(now - pool.decided_at)} ago"
    )
    yield PoolFinding(
        what=PoolTrouble.UNATTENDED,
        is_critical=True,
        subject=pool.name,
        message=f"pool {pool.name} has {_counted(len(pool.workers), 'worker')} and {_counted(len(pool.tasks), 'task')},"
        f" and no pass is made: {told}; {_minutes(UNATTENDED)} are allowed",
        next_step="`janitor pool run --once` says what is in the way; is the DAG gpu_pool paused?",
        since=pool.decided_at or began,
    )


def _of_worker(worker: WorkerGlance, now: datetime) -> Iterator[PoolFinding]:
    name = worker_name(worker)
    sign = worker.last_sign_at
    if sign is not None and now - sign > SILENT:
        yield PoolFinding(
            what=PoolTrouble.STALE,
            is_critical=False,
            subject=str(worker.worker_id),
            message=f"{name} of pool {worker.pool} has shown no life for {_minutes(now - sign)};"
            f" {_minutes(SILENT)} are allowed",
            next_step=f"`janitor pool terminate {short_id(worker.worker_id)} --now` gives its task back and ends it",
            since=sign,
        )
    if worker.state is WorkerState.QUARANTINED:
        yield PoolFinding(
            what=PoolTrouble.QUARANTINED,
            is_critical=False,
            subject=str(worker.worker_id),
            message=f"{name} of pool {worker.pool} is in quarantine: a task left something on it, or nobody can say"
            " that none did",
            next_step="`make instances`: it is ended by itself; the log of its last task says what was found",
            since=worker.over_since,
        )


def _stuck(task: TaskGlance, now: datetime) -> Iterator[PoolFinding]:
    told: tuple[str, datetime] | None = None
    moved = task.last_progress_at or task.started_at
    if task.deadline_at is not None and now - task.deadline_at > PAST_LIMIT:
        told = (f"is held {_minutes(now - task.deadline_at)} after its hard limit", task.deadline_at)
    elif moved is not None and now - moved > NO_PROGRESS:
        told = (f"shows no progress for {_minutes(now - moved)}; {_minutes(NO_PROGRESS)} are usual", moved)
    if told is None:
        return
    holder = "" if task.worker_id is None else f" on worker {short_id(task.worker_id)}"
    yield PoolFinding(
        what=PoolTrouble.STUCK,
        is_critical=False,
        subject=str(task.task_id),
        message=f"task {short_id(task.task_id)} ({task.name}) of pool {task.pool}{holder} {told[0]}",
        next_step=f"`janitor pool retry {short_id(task.task_id)}` gives it to another worker"
        if task.worker_id is not None
        else "`janitor pool queue` shows it",
        since=told[1],
    )


def _waits(pool: PoolGlance, now: datetime) -> Iterator[PoolFinding]:
    runnable = [each for each in pool.waiting if each.not_before is None or each.not_before <= now]
    if not runnable:
        return
    oldest = min(each.queued_at for each in runnable)
    counted = f"{_counted(len(runnable), 'task')} {'waits' if len(runnable) == 1 else 'wait'}"
    if pool.stopped_at is not None:
        yield PoolFinding(
            what=PoolTrouble.STOPPED,
            is_critical=False,
            subject=pool.name,
            message=f"{counted} in pool {pool.name}, which {pool.stopped_by or 'somebody'} stopped"
            f" {_minutes(now - pool.stopped_at)} ago",
            next_step=f"`janitor pool resume {pool.name}`, or `janitor cancel` for the run that waits",
            since=pool.stopped_at,
        )
    elif now - oldest > WAITS and not any(each.state in (*_HOLDS, *_STARTS) for each in pool.workers):
        yield PoolFinding(
            what=PoolTrouble.WAITS,
            is_critical=False,
            subject=pool.name,
            message=f"{counted} in pool {pool.name} for {_minutes(now - oldest)}, and no worker is there or starts"
            + (f": {pool.why}" if pool.why else ""),
            next_step=f"`janitor pool decisions --pool {pool.name}` says why none is spawned",
            since=oldest,
        )


def short_id(identity: UUID) -> str:
    """The beginning of an id, by which people name it."""
    return str(identity)[:8]


def worker_name(worker: WorkerGlance) -> str:
    """A worker and its machine."""
    machine = f" ({worker.instance_id})" if worker.instance_id else ""
    return f"worker {short_id(worker.worker_id)}{machine}"


def _minutes(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
