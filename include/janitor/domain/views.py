"""What people are shown of runs and validations: frozen records, filled from the database, rendered by the commands.

Invariant: instants are timezone-aware UTC, durations are `timedelta`, and None means "not known (yet)", never "no".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.money.places import MONEY_PLACES, places_for
from janitor.domain.result.history_views import ChangeView, PhaseView, PlaceView
from janitor.domain.states import InstanceState, RunKind, RunPurpose, RunStatus, ValidationStatus
from janitor.protocol.terms.proven import Note, ProofLevel, Unproven
from janitor.protocol.terms.provenance import Commit, Machine
from janitor.protocol.terms.statuses import CacheState, CheckStatus


@dataclass(frozen=True, kw_only=True)
class ProgressView:
    """What a running validation is at, as its log says it."""

    check: str
    """The check that was begun or ended last."""
    phase: str
    status: CheckStatus | None
    """How that check ended; None while it goes on."""
    since: datetime


@dataclass(frozen=True, kw_only=True)
class ValidationView:
    """One repository within a run."""

    validation_id: UUID
    run_id: UUID
    repository_name: str
    organization: str
    prompt: str
    status: ValidationStatus
    instance_id: str | None = None
    """The latest instance, if one was launched."""
    instance_type: str | None = None
    instance_state: InstanceState | None = None
    commit_sha: str | None = None
    commit: Commit | None = None
    """What git says of it; None where its report doesn't."""
    machine: Machine | None = None
    """What its report says of its machine."""
    engine: str | None = None
    proof_level: ProofLevel | None = None
    """How far its handler was exercised; None where it was not, and where that isn't known."""
    note_count: int = 0
    """How many notes its report has."""
    notes: Sequence[Note] = ()
    unproven: Sequence[Unproven] = ()
    """What its verdict says nothing of, in the order of the checks."""
    required_proof: ProofLevel | None = None
    """How far a success had to be proved; None where nothing was required."""
    gpu_required: bool | None = None
    """None where it isn't known."""
    started_at: datetime | None = None
    """When the validation was taken up, waiting for a free place included."""
    launched_at: datetime | None = None
    deadline_at: datetime | None = None
    """The hard limit."""
    finished_at: datetime | None = None
    execution_time: timedelta | None = None
    """From launch to end; None while it runs."""
    timeout_enforced: bool = False
    build_succeeded: bool | None = None
    container_succeeded: bool | None = None
    gpu_available: bool | None = None
    cuda_detected: bool | None = None
    failing_check: str | None = None
    reason_code: str | None = None
    summary: str | None = None
    """One line for people."""
    log_stream: str | None = None
    cost_usd: Decimal | None = None
    """Of all its instances, so far; None where none was launched, or where a price isn't known. Not rounded."""
    cost_is_final: bool = True
    """Whether all of them have ended; until then it still grows."""
    cost_places: int = MONEY_PLACES
    """With how many places its cost is written, wherever it stands: its run's."""
    signature: str | None = None
    """Of its failure; equal for equal causes in any repository."""
    signature_title: str | None = None
    place: PlaceView | None = None
    """Where the check that decided says to look."""
    difference: ChangeView | None = None
    """None as long as it isn't final, and for validations of before differences were kept."""
    phases: Sequence[PhaseView] = ()
    """In the order of the pipeline; empty without a report."""
    progress: ProgressView | None = None
    """What it is at; None where it doesn't run, or where its log says nothing yet or wasn't asked."""
    usual_time: timedelta | None = None
    """From launch to end, the last time that this repository came to a verdict; None where it never did."""
    purpose: RunPurpose = RunPurpose.FLEET
    """Of its run."""

    def elapsed(self, now: datetime) -> timedelta | None:
        """Time since launch, or since the validation was taken up; None where it hasn't begun."""
        begin = self.launched_at or self.started_at
        if self.execution_time is not None or begin is None:
            return self.execution_time
        return max((self.finished_at or now) - begin, timedelta())

    def left(self, now: datetime) -> timedelta | None:
        """What is left of the last time's duration, negative where it takes longer; None where it can't be told."""
        elapsed = self.elapsed(now)
        if self.usual_time is None or self.launched_at is None or elapsed is None or self.status.is_final:
            return None
        return self.usual_time - elapsed

    def remaining(self, now: datetime) -> timedelta | None:
        """Time to the hard limit, at least zero; None where nothing runs against one."""
        if self.deadline_at is None or self.status.is_final:
            return None
        return max(self.deadline_at - now, timedelta())


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run in one line."""

    run_id: UUID
    airflow_run_id: str
    config_path: str
    trigger: str
    started_at: datetime
    completed_at: datetime | None = None
    status: RunStatus
    successful: int
    """How many repositories are."""
    total_repositories: int
    cost_usd: Decimal | None = None
    """As for a validation."""
    cost_is_final: bool = True
    """As for a validation."""

    cost_places: int = MONEY_PLACES
    """As for a validation."""
    purpose: RunPurpose = RunPurpose.FLEET

    @property
    def occasion(self) -> str:
        """What brought it about, in a word: maintenance triggers each of its experiments by itself."""
        return self.purpose.value if self.purpose is RunPurpose.EXPERIMENT else self.trigger

    def duration(self, now: datetime) -> timedelta:
        """From start to completion, or to now."""
        return max((self.completed_at or now) - self.started_at, timedelta())


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run with all of its validations, in the order of the configuration."""

    run_id: UUID
    airflow_run_id: str
    config_path: str
    trigger: str
    started_at: datetime
    completed_at: datetime | None = None
    timeout: timedelta
    """The run's default hard limit for a repository."""
    timeout_enforced: bool = False
    status: RunStatus
    total_repositories: int
    validations: Sequence[ValidationView] = ()
    cost_usd: Decimal | None = None
    """As for a validation; with what the run's own instances cost."""
    cost_is_final: bool = True
    """As for a validation."""
    kind: RunKind = RunKind.PARALLEL
    status_reason: str | None = None
    """What is wrong with the run, where something is."""
    cache: CacheState | None = None
    """Of a sequential run: whether its instance had the cache volume; None where that isn't settled."""
    cache_detail: str | None = None
    unexpected_errors: int | None = None
    """Of a sequential run: how many ERROR lines its log has that nobody expects, at least; None where none was found
    and it wasn't searched whole: then the run isn't successful."""
    purpose: RunPurpose = RunPurpose.FLEET

    @property
    def occasion(self) -> str:
        """As for a summary."""
        return self.purpose.value if self.purpose is RunPurpose.EXPERIMENT else self.trigger

    @property
    def successful(self) -> int:
        """How many repositories are successful."""
        return sum(each.status is ValidationStatus.SUCCESS for each in self.validations)

    @property
    def cost_places(self) -> int:
        """With how many places its cost and its validations' costs are written, wherever they stand."""
        return places_for([each.cost_usd for each in self.validations], self.cost_usd)

    @property
    def has_open_validations(self) -> bool:
        """Whether one of the validations has no end yet; after the run's own end it is to be recorded soon."""
        return any(not each.status.is_final for each in self.validations)

    @property
    def all_successful(self) -> bool:
        """Whether the run is over and every repository that it was to validate is successful."""
        return self.status is RunStatus.SUCCESS and self.successful == self.total_repositories

    def duration(self, now: datetime) -> timedelta:
        """From start to completion, or to now."""
        return max((self.completed_at or now) - self.started_at, timedelta())

    def remaining(self, now: datetime) -> timedelta | None:
        """The longest time until the last unfinished validation meets its hard limit.

        One that has no deadline yet, because it waits for a free place, counts with the run's own limit: from the start
        as long as nothing has ended, later after those that hold the places now, which is as many at a time as run now.
        None where none is unfinished, and where nothing is known of the places: other runs may hold them.
        """
        if self.status.is_final:
            return None
        left = [each.remaining(now) for each in self.validations if not each.status.is_final]
        waiting = sum(each is None for each in left) + max(0, self.total_repositories - len(self.validations))
        known = [each for each in left if each is not None]
        if not waiting:
            return max(known, default=None)
        planned = self.started_at + self.timeout - now
        if planned > timedelta():
            return max([planned, *known])
        if not known:
            return None
        turns = -(-waiting // len(known))
        return max(known) + turns * self.timeout
