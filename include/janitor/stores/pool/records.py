"""Workers, tasks and decisions, as the database has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from janitor.domain.launch.owner import Owner
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskKind, TaskState, WorkerEnd, WorkerState
from janitor.domain.pool.view import HeldTask, WorkerSeen
from janitor.domain.states import InstanceState, OwnerKind


def owner_of_worker(worker_id: UUID) -> Owner:
    """A worker, as the owner of its machine."""
    return Owner(kind=OwnerKind.WORKER, id=worker_id)


@dataclass(frozen=True, kw_only=True)
class NewTask:
    """A task that is to be queued."""

    deployment: str
    pool: str
    time_limit: timedelta
    """How long it may take from its first claim on, whoever has it then."""
    kind: TaskKind = TaskKind.VALIDATION
    validation_id: UUID | None = None
    """Whose it is; None for a probe."""
    trust_domain: str | None = None
    """With whose tasks it may share a worker; None: with nobody's."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """What a worker that claims for itself has to know. No secret."""
    requires: Mapping[str, Any] = field(default_factory=dict)
    """What its worker has to offer, by name: just this, one of a list, or for `min_…` at least so much."""
    priority: int = 0
    """The higher the sooner."""
    max_attempts: int = 3
    not_before: datetime | None = None
    task_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, kw_only=True)
class Held:
    """A claim, as whoever has it names it: whatever it does to the task needs all three."""

    task_id: UUID
    worker_id: UUID
    fence: int


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A task that was just claimed."""

    held: Held
    kind: TaskKind
    validation_id: UUID | None
    spec: Mapping[str, Any]
    attempt: int
    lease_until: datetime
    deadline_at: datetime
    """The task's hard limit."""


@dataclass(frozen=True, kw_only=True)
class LastClaim:
    """Who has a task, or had it last."""

    held: Held
    ordinal: int
    """The how-manieth of its worker's tasks it is."""
    claimed_at: datetime
    started_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A task's row."""

    task_id: UUID
    deployment: str
    pool: str
    kind: TaskKind
    validation_id: UUID | None
    spec: Mapping[str, Any]
    trust_domain: str | None
    requires: Mapping[str, Any]
    priority: int
    state: TaskState
    held: Held | None
    """Who has it now."""
    attempts: int
    """Claims that count; one without blame doesn't."""
    max_attempts: int
    not_before: datetime | None
    queued_at: datetime
    lease_until: datetime | None
    deadline_at: datetime | None
    """Its hard limit; None: nobody has claimed it yet."""
    last_progress_at: datetime | None
    ended_at: datetime | None
    reason_code: str | None
    """Why it failed, expired or was cancelled."""
    result: Mapping[str, Any] | None
    """A worker's word."""
    last_claim: LastClaim | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> TaskRecord:
        """Make a record of a row of `tasks` with its last claim."""
        task_id = row["task_id"]
        last = None
        if row["last_fence"] is not None:
            last = LastClaim(
                held=Held(task_id=task_id, worker_id=row["last_worker_id"], fence=row["last_fence"]),
                ordinal=row["last_ordinal"],
                claimed_at=row["last_claimed_at"],
                started_at=row["started_at"] or row["last_started_at"],
            )
        return cls(
            task_id=task_id,
            deployment=row["deployment"],
            pool=row["pool"],
            kind=TaskKind(row["kind"]),
            validation_id=row["validation_id"],
            spec=row["spec"],
            trust_domain=row["trust_domain"],
            requires=row["requires"],
            priority=row["priority"],
            state=TaskState(row["state"]),
            held=held_from(row),
            attempts=row["attempts"],
            max_attempts=row["max_attempts"],
            not_before=row["not_before"],
            queued_at=row["queued_at"],
            lease_until=row["lease_until"],
            deadline_at=row["deadline_at"],
            last_progress_at=row["last_progress_at"],
            ended_at=row["ended_at"],
            reason_code=row["reason_code"],
            result=row["result"],
            last_claim=last,
        )


def held_from(row: Mapping[str, Any]) -> Held | None:
    """The claim that a row names; None where nobody has the task."""
    if row["fence"] is None:
        return None
    return Held(task_id=row["task_id"], worker_id=row["worker_id"], fence=row["fence"])


@dataclass(frozen=True, kw_only=True)
class EndedLease:
    """A task whose holder let its lease run out, and what became of both."""

    held: Held
    state: TaskState
    """Queued again, or failed as poison."""
    attempts: int


@dataclass(frozen=True, kw_only=True)
class EndedTask:
    """An open task that was ended, and who had it: that worker must be told to stop."""

    task_id: UUID
    held: Held | None


@dataclass(frozen=True, kw_only=True)
class WorkerRecord:
    """A worker's row, with the task that it has and its machine's row."""

    worker_id: UUID
    deployment: str
    pool: str
    provider: Provider
    state: WorkerState
    offers: Mapping[str, Any]
    last_fence: int | None
    trust_domain: str | None
    is_single_use: bool
    requested_at: datetime
    ready_at: datetime | None
    last_alive_at: datetime | None
    suspect_since: datetime | None
    surplus_since: datetime | None
    last_task_ended_at: datetime | None
    tasks_done: int
    drain_reason: str | None
    drain_deadline_at: datetime | None
    end_wanted: WorkerEnd | None
    over_since: datetime | None
    ended_at: datetime | None
    end_reason: WorkerEnd | None
    task: HeldTask | None
    validation_id: UUID | None
    """Whose task it has."""
    ledger_id: int | None
    """Its machine's row; None: it has none."""
    instance_id: str | None
    instance_state: InstanceState | None
    is_kept: bool

    @property
    def held(self) -> Held | None:
        """The claim that it has."""
        if self.task is None:
            return None
        return Held(task_id=self.task.task_id, worker_id=self.worker_id, fence=self.task.fence)

    def seen(self, *, is_machine_gone: bool | None) -> WorkerSeen:
        """The worker as a pass of the pool sees it, with its provider's word."""
        return WorkerSeen(
            worker_id=self.worker_id,
            state=self.state,
            trust_domain=self.trust_domain,
            is_single_use=self.is_single_use,
            requested_at=self.requested_at,
            ready_at=self.ready_at,
            last_alive_at=self.last_alive_at,
            is_machine_gone=is_machine_gone,
            suspect_since=self.suspect_since,
            last_task_ended_at=self.last_task_ended_at,
            tasks_done=self.tasks_done,
            task=self.task,
            drain_deadline_at=self.drain_deadline_at,
            end_wanted=self.end_wanted is not None,
            surplus_since=self.surplus_since,
            is_kept=self.is_kept,
            end=self.end_reason or self.end_wanted,
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> WorkerRecord:
        """Make a record of a row of `workers` with its task and its machine."""
        task = None
        if row["task_id"] is not None:
            task = HeldTask(
                task_id=row["task_id"],
                fence=row["fence"],
                claimed_at=row["claimed_at"],
                lease_until=row["lease_until"],
                deadline_at=row["deadline_at"],
                last_progress_at=row["last_progress_at"],
            )
        return cls(
            worker_id=row["worker_id"],
            deployment=row["deployment"],
            pool=row["pool"],
            provider=Provider(row["provider"]),
            state=WorkerState(row["state"]),
            offers=row["offers"],
            last_fence=row["last_fence"],
            trust_domain=row["trust_domain"],
            is_single_use=row["is_single_use"],
            requested_at=row["requested_at"],
            ready_at=row["ready_at"],
            last_alive_at=row["last_alive_at"],
            suspect_since=row["suspect_since"],
            surplus_since=row["surplus_since"],
            last_task_ended_at=row["last_task_ended_at"],
            tasks_done=row["tasks_done"],
            drain_reason=row["drain_reason"],
            drain_deadline_at=row["drain_deadline_at"],
            end_wanted=_end_of(row["end_wanted"]),
            over_since=row["over_since"],
            ended_at=row["ended_at"],
            end_reason=_end_of(row["end_reason"]),
            task=task,
            validation_id=row["validation_id"],
            ledger_id=row["ledger_id"],
            instance_id=row["instance_id"],
            instance_state=InstanceState(row["instance_state"]) if row["instance_state"] else None,
            is_kept=bool(row["is_kept"]),
        )


def _end_of(word: str | None) -> WorkerEnd | None:
    return WorkerEnd(word) if word else None


@dataclass(frozen=True, kw_only=True)
class Drain:
    """A worker that gets nothing more."""

    held: Held | None
    """What it still has; None: it may be ended now."""


@dataclass(frozen=True, kw_only=True)
class KeptDecision:
    """A decision of a pass, with what that saw."""

    decision_id: int
    decided_at: datetime
    pool: str
    inputs: Mapping[str, Any]
    actions: Sequence[Mapping[str, Any]]
    why: str

    @property
    def is_order(self) -> bool:
        """Whether a person gave it, rather than a pass."""
        return "requested_by" in self.inputs


@dataclass(frozen=True, kw_only=True)
class Stop:
    """That a person stopped a pool."""

    pool: str
    stopped_at: datetime
    stopped_by: str
