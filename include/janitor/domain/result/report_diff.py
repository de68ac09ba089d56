"""The difference of a report to the last conclusive one of the same repository, for the verdict and for each check.

Only a success and a failure are conclusive. What could not be told (an error, a timeout, something not tested, a run
that was stopped) neither breaks a repository nor fixes it: what stood before it stands after it. A check counts by
itself in the same way: a pass or a fail moves it, a skip or an error doesn't.

`compare` is a fold: from what stands and what is seen now it makes the difference and what stands then, so that the
history need not be read again. Each outcome has the level at which it was seen: what is compared across levels says so,
and a turn between two levels makes nothing flaky. What changed in what the reports are about (commit, images, packages,
machine) is told beside it: it explains a turn, and makes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from janitor.domain.result.provenance_changes import ProvenanceChanges, changes_between
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Report
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.rollup import level_of_check
from janitor.protocol.terms.statuses import CheckStatus, Engine

REMEMBERED = 10
"""Outcomes that are looked at to call something flaky."""
_TURNS = 3
"""So often the outcome turned over within them, and no commit is known to have come with it."""
_TURNS_AT_ONE_COMMIT = 2
"""The same, where it is known to have been one commit."""


class Outcome(str, Enum):
    """What a conclusive report says of a repository, or of one of its checks."""

    PASSED = "passed"
    FAILED = "failed"


class Change(str, Enum):
    """The difference to the last conclusive report."""

    FIRST = "first"  # it passes, and nothing was known before
    NEW = "new"  # it fails, and it passed before or nothing was known
    FIXED = "fixed"  # it passes, and it failed before
    SAME = "same"  # it passes, as before
    STILL_FAILING = "still_failing"  # it fails, as before
    INCONCLUSIVE = "inconclusive"  # this report doesn't say; what stood before stands


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One report in the history of a repository."""

    at: datetime
    """When the validation was final."""
    run_id: UUID
    validation_id: UUID


class Remembered(NamedTuple):
    """One conclusive outcome of the past."""

    outcome: Outcome
    commit_sha: str | None
    level: ProofLevel | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of a repository's verdict, or of one of its checks, after its last conclusive report."""

    outcome: Outcome
    since: Mark
    """The first report of the unbroken row of this outcome."""
    last: Mark
    """The last conclusive report."""
    cause: str | None = None
    """Signature of the last failure, where it is known."""
    cause_since: Mark | None = None
    """The first report of the unbroken row with this cause."""
    level: ProofLevel | None = None
    """At which the last outcome was seen; None where it is the same at every level, or isn't known."""
    recent: tuple[Remembered, ...] = ()
    """The last outcomes with their commits and levels, the oldest first; at most `REMEMBERED`."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a report differs from the last conclusive one, for the verdict or for one check."""

    change: Change
    outcome: Outcome | None
    """What stands now; None where nothing conclusive is known."""
    since: Mark | None
    """Of the outcome that stands; for `fixed`, of the failure that is over."""
    previous: Mark | None
    """The report that this one was compared with."""
    cause_changed: bool = False
    """It fails as before, but for another cause."""
    cause_since: Mark | None = None
    """Since when it fails for the present cause, while it fails."""
    flaky: bool = False
    level: ProofLevel | None = None
    """At which this report saw it; None where it is the same at every level, and where this report doesn't say."""
    previous_level: ProofLevel | None = None
    """At which the report saw it that this one was compared with."""

    @property
    def crosses_levels(self) -> bool:
        """Whether two outcomes of different levels are compared: neither speaks of what the other one saw."""
        return crosses(self.previous_level, self.level)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one report says."""

    mark: Mark
    status: ValidationStatus
    commit_sha: str | None = None
    signature: str | None = None
    """Of the failure."""
    checks: Mapping[str, CheckStatus] = field(default_factory=dict)
    """Empty where the verdict doesn't follow the report."""
    engine: Engine | None = None
    """In which it was seen, as far as that is known."""
    failing_check: str | None = None
    """That decided a failure."""
    report: Report | None = None
    """None where there is none that the verdict follows, and where it isn't at hand."""


@dataclass(frozen=True, kw_only=True)
class RepositoryStanding:
    """What is known of a repository."""

    verdict: Standing | None = None
    checks: Mapping[str, Standing] = field(default_factory=dict)
    report: Report | None = None
    """The last conclusive one, as far as it is at hand."""


@dataclass(frozen=True, kw_only=True)
class ReportDifference:
    """The difference of one report."""

    verdict: Difference
    checks: Mapping[str, Difference]
    """Of the checks that passed or failed in it."""
    changes: ProvenanceChanges | None = None
    """In what the two reports are about; None where one of them isn't at hand."""

    def checks_that(self, change: Change) -> tuple[str, ...]:
        """Names of the checks with this change."""
        return tuple(name for name, difference in self.checks.items() if difference.change is change)


_VERDICTS = MappingProxyType({ValidationStatus.SUCCESS: Outcome.PASSED, ValidationStatus.FAILED: Outcome.FAILED})
_CHECKS = MappingProxyType({CheckStatus.PASS: Outcome.PASSED, CheckStatus.FAIL: Outcome.FAILED})


def compare(before: RepositoryStanding, seen: Seen) -> tuple[ReportDifference, RepositoryStanding]:
    """The difference that a report makes, and what is known after it.

    Args:
        before: What was known; `RepositoryStanding()` for a repository's first report.
        seen: What the report says.
    """
    level = level_of_check(seen.engine, seen.failing_check)
    verdict, verdict_stands = _step(before.verdict, _VERDICTS.get(seen.status), seen, level, seen.signature)
    stand, differences = dict(before.checks), {}
    for name, status in seen.checks.items():
        outcome = _CHECKS.get(status)
        level = level_of_check(seen.engine, name)
        difference, stands = _step(before.checks.get(name), outcome, seen, level, None)
        if outcome is not None and stands is not None:
            differences[name], stand[name] = difference, stands
    changes = changes_between(before.report, seen.report) if before.report and seen.report else None
    return (
        ReportDifference(verdict=verdict, checks=differences, changes=changes),
        RepositoryStanding(
            verdict=verdict_stands,
            checks=stand,
            report=seen.report if seen.status in _VERDICTS else before.report,
        ),
    )


def _step(
    before: Standing | None, outcome: Outcome | None, seen: Seen, level: ProofLevel | None, cause: str | None
) -> tuple[Difference, Standing | None]:
    if outcome is None:
        return _nothing_new(before), before
    failed = outcome is Outcome.FAILED
    goes_on = before is not None and before.outcome is outcome
    # A cause that isn't known is no other cause.
    same_cause = goes_on and before is not None and (None in (before.cause, cause) or before.cause == cause)
    cause_since = before.cause_since if same_cause and before is not None else seen.mark
    stands = Standing(
        outcome=outcome,
        since=before.since if goes_on and before is not None else seen.mark,
        last=seen.mark,
        cause=(cause or (before.cause if goes_on and before is not None else None)) if failed else None,
        cause_since=cause_since if failed else None,
        level=level,
        recent=(*(before.recent if before else ()), Remembered(outcome, seen.commit_sha, level))[-REMEMBERED:],
    )
    change = _change(before, outcome)
    return (
        Difference(
            change=change,
            outcome=outcome,
            since=before.since if change is Change.FIXED and before is not None else stands.since,
            previous=before.last if before is not None else None,
            cause_changed=failed and goes_on and not same_cause,
            cause_since=stands.cause_since,
            flaky=is_flaky(stands.recent),
            level=level,
            previous_level=before.level if before is not None else None,
        ),
        stands,
    )


def _change(before: Standing | None, outcome: Outcome) -> Change:
    if outcome is Outcome.FAILED:
        return Change.STILL_FAILING if before is not None and before.outcome is Outcome.FAILED else Change.NEW
    if before is None:
        return Change.FIRST
    return Change.FIXED if before.outcome is Outcome.FAILED else Change.SAME


def _nothing_new(before: Standing | None) -> Difference:
    return Difference(
        change=Change.INCONCLUSIVE,
        outcome=before.outcome if before is not None else None,
        since=before.since if before is not None else None,
        previous=before.last if before is not None else None,
        cause_since=before.cause_since if before is not None else None,
        flaky=before is not None and is_flaky(before.recent),
        previous_level=before.level if before is not None else None,
    )


def crosses(before: ProofLevel | None, after: ProofLevel | None) -> bool:
    """Whether two levels are known and differ."""
    return None not in (before, after) and before is not after


def is_flaky(recent: Sequence[Remembered]) -> bool:
    """Whether outcomes turn over without a new commit: twice at one, or three times where not every commit is known.

    Each is compared with the last one before it that no other level stands against. What came with another commit is
    a repository that is worked on: it breaks and is repaired, however often.

    Args:
        recent: Outcomes with their commits and levels, the oldest first.
    """
    turns: list[tuple[Remembered, Remembered]] = []
    for position, other in enumerate(recent):
        earlier = (each for each in reversed(recent[:position]) if not crosses(each.level, other.level))
        one = next(earlier, None)
        if one is not None and one.outcome is not other.outcome and not _has_new_commit(one, other):
            turns.append((one, other))
    commits = [other.commit_sha for one, other in turns if None not in (one.commit_sha, other.commit_sha)]
    return len(turns) >= _TURNS or any(commits.count(commit) >= _TURNS_AT_ONE_COMMIT for commit in commits)


def _has_new_commit(one: Remembered, other: Remembered) -> bool:
    return None not in (one.commit_sha, other.commit_sha) and one.commit_sha != other.commit_sha
