"""What people are shown of a validation beside its result: what changed, since when, and what its phases took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.result.provenance_changes import ProvenanceChanges
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import CheckStatus


@dataclass(frozen=True, kw_only=True)
class CheckChangeView:
    """A check that is new, fixed or still failing."""

    check: str
    change: Change
    since_at: datetime
    since_run_id: UUID
    flaky: bool = False
    level: ProofLevel | None = None
    """As in `Difference`."""
    previous_level: ProofLevel | None = None


@dataclass(frozen=True, kw_only=True)
class ChangeView:
    """The difference of a validation to the last conclusive one of its repository."""

    change: Change
    outcome: Outcome | None
    """What stands after it."""
    since_at: datetime | None = None
    """Of the outcome that stands; for `fixed`, of the failure that is over."""
    since_run_id: UUID | None = None
    previous_at: datetime | None = None
    """The validation that it was compared with."""
    previous_run_id: UUID | None = None
    cause_changed: bool = False
    cause_since_at: datetime | None = None
    cause_since_run_id: UUID | None = None
    flaky: bool = False
    level: ProofLevel | None = None
    """At which this validation saw its outcome; None where that is the same at every level, or isn't known."""
    previous_level: ProofLevel | None = None
    """At which the validation saw it that it was compared with."""
    checks: Sequence[CheckChangeView] = ()
    changes: ProvenanceChanges | None = None
    """In what the two validations are about; None where one of them left no report."""
    broken_with: ProvenanceChanges | None = None
    """Of a failure that goes on: the changes with which it began."""


@dataclass(frozen=True, kw_only=True)
class PhaseView:
    """One phase of a validation, as its report tells it."""

    name: str
    duration: timedelta
    usd: Decimal | None
    """Its share of the instance's bill and what was spent beside it; None where the price isn't known."""


@dataclass(frozen=True, kw_only=True)
class PlaceView:
    """Where to look for a cause."""

    file: str
    """From the repository's root."""
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class CheckView:
    """One check of a validation, as its report tells it."""

    name: str
    status: CheckStatus
    required: bool
    reason_code: str | None
    reason: str | None
    duration: timedelta


@dataclass(frozen=True, kw_only=True)
class FailureOccurrence:
    """The latest time that a repository failed in this way."""

    organization: str
    repository_name: str
    run_id: UUID
    validation_id: UUID
    finished_at: datetime
    change: Change | None
    """None for validations of before differences were kept."""
    since_at: datetime | None
    times: int
    """How often within the runs that were looked at."""
    fixed_since: bool
    """Its last conclusive validation, which came later, is a success."""
    proof_level: ProofLevel | None = None
    """How far the failed validation exercised the handler."""
    note_count: int = 0
    level: ProofLevel | None = None
    """At which the failure was seen; None where it is the same at every level, or isn't known."""
    fixed_level: ProofLevel | None = None
    """At which the success was, where it is fixed since."""

    @property
    def repository(self) -> str:
        """`organization/name`."""
        return f"{self.organization}/{self.repository_name}"


@dataclass(frozen=True, kw_only=True)
class FailureCluster:
    """One cause with all the repositories that it hit."""

    signature: str | None
    """None for failures of before signatures were kept."""
    status: ValidationStatus
    check: str | None
    reason_code: str | None
    title: str
    first_seen_at: datetime
    last_seen_at: datetime
    occurrences: Sequence[FailureOccurrence]
    """One for each repository, by name."""

    @property
    def blames_repository(self) -> bool:
        """Whether the repositories are at fault; everything else could not be told."""
        return self.status is ValidationStatus.FAILED


@dataclass(frozen=True, kw_only=True)
class FailureReport:
    """The failures of the last runs by cause."""

    runs: int
    """How many runs were looked at."""
    since: datetime | None
    """The start of the oldest of them; None where there is none."""
    clusters: Sequence[FailureCluster]
    """The repositories' own first, then those that hit the most repositories."""
