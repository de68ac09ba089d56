"""A cause with all that is known of it: the repositories that it broke, when, with what, and what that has cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from janitor.domain.evidence.acknowledgement import Acknowledgement
from janitor.domain.evidence.verdict import Findings, Onset, Verdict, findings_of, verdict_of, verdict_of_cause
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.statuses import Engine


def cause_key(signature: str | None, repository: str, title: str) -> str:
    """By what a cause is known for the same, wherever it is told of or acknowledged; without a signature it is one
    repository's own."""
    return signature or f"{repository}: {title}"


class CauseGroup(str, Enum):
    """Where a cause stands in the news, in the order in which it is looked at."""

    NEW = "new"  # a repository broke by it that worked before, or failed by another
    STILL_FAILING = "still_failing"
    UNTOLD = "untold"  # no verdict: ours to repair, not the repository's


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One validation of the past."""

    at: datetime
    run_id: UUID
    validation_id: UUID
    commit_sha: str | None


@dataclass(frozen=True, kw_only=True)
class Image:
    """A base image of a build."""

    reference: str
    digest: str | None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What it took to find a cause out again and again."""

    runs: int = 0
    """How many runs failed by it."""
    usd: Decimal | None = None
    """Together; None where no price is known, or nothing was launched."""
    is_whole: bool = True
    """Whether each of them has a price, and none is older than what is looked at."""

    @property
    def usd_a_run(self) -> Decimal | None:
        """On the average."""
        return None if self.usd is None or not self.runs else self.usd / self.runs


@dataclass(frozen=True, kw_only=True)
class BrokenRepository:
    """One repository that a cause broke."""

    organization: str
    repository_name: str
    validation_id: UUID
    """Its last validation."""
    run_id: UUID
    status: ValidationStatus
    is_new: bool
    """Whether it was well before, or failed by another cause."""
    url: str
    """Where it is cloned from; without user name or password."""
    commit_sha: str | None
    engine: Engine | None
    gpu_required: bool
    dockerfile: str | None
    images: Sequence[Image]
    """The base images of its last validation."""
    last_good: Sight | None
    """Before it broke; None: it isn't known to have ever passed."""
    first_bad: Sight | None
    """The first report with this cause; None where no verdict says that it fails."""
    compared_with: Sight | None
    """The report before that: the last good one, or a failure by another cause."""
    onset: Onset
    spent: Spent
    acknowledged: Acknowledgement | None = None
    """By which its failure is known and silent; None: by none."""

    @property
    def repository(self) -> str:
        """`organization/name`."""
        return f"{self.organization}/{self.repository_name}"

    @property
    def findings(self) -> Findings:
        """The three answers about it."""
        return findings_of(self.onset)

    @property
    def verdict(self) -> Verdict:
        """Of it alone."""
        return Verdict.UNKNOWN if self.first_bad is None else verdict_of(self.findings)


@dataclass(frozen=True, kw_only=True)
class LogExcerpt:
    """Lines of a log around the one that tells; a stranger's text, with secrets masked as it was kept."""

    name: str
    lines: Sequence[str]
    telling: int | None
    """Which of them tells; None: they are its end."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause."""

    key: str
    """Its signature, else the repository with the title: the same at the next look."""
    signature: str | None
    title: str
    group: CauseGroup
    repositories: Sequence[BrokenRepository]
    """Those that broke by it last first."""
    check: str | None
    reason: str | None
    """What the check said, in a line."""
    log: LogExcerpt | None

    @property
    def verdict(self) -> Verdict:
        """Of all its repositories together."""
        if any(each.first_bad is None for each in self.repositories):
            return Verdict.UNKNOWN
        return verdict_of_cause(each.onset for each in self.repositories)

    @property
    def spent(self) -> Spent:
        """By all its repositories; a run with several of them is one."""
        known = [each.spent.usd for each in self.repositories if each.spent.usd is not None]
        return Spent(
            runs=max((each.spent.runs for each in self.repositories), default=0),
            usd=sum(known, Decimal(0)) if known else None,
            is_whole=all(each.spent.is_whole for each in self.repositories) and len(known) == len(self.repositories),
        )

    @property
    def is_silent(self) -> bool:
        """Whether each of its repositories is acknowledged: it is dimmed, and no message tells of it."""
        return all(each.acknowledged is not None for each in self.repositories)

    @property
    def example(self) -> BrokenRepository:
        """The one that is told of where one has to do."""
        return self.repositories[0]


@dataclass(frozen=True, kw_only=True)
class Causes:
    """The causes of a run."""

    causes: Sequence[Cause] = ()
    """By group, then those that broke the most repositories."""
    left_out: int = 0
    """How many more there are."""

    def find(self, key: str) -> Cause | None:
        """The one with a key."""
        return next((each for each in self.causes if each.key == key), None)
