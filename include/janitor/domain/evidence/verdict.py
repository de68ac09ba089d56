"""Whether a failure is real, flaky, or the world's: a table over three questions, each answered from data.

Invariant: what isn't known is `UNKNOWN`, in an answer and in the verdict. Neither the repository nor the world is
blamed for what nobody compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from janitor.domain.result.provenance_changes import Changed, PartChange, ProvenanceChanges


class Verdict(str, Enum):
    """What a failure is."""

    REAL = "real"  # the repository's: it came with another commit, and with nothing else
    FLAKY = "flaky"  # it turns over at one and the same commit
    WORLD = "world"  # something outside the repository changed while its commit stayed
    UNKNOWN = "unknown"  # the data don't tell


VERDICT_WORDS: Mapping[Verdict, str] = {
    Verdict.REAL: "real: it came with another commit, and nothing outside is known to have changed",
    Verdict.FLAKY: "flaky: its verdict turns over at one and the same commit",
    Verdict.WORLD: "the world: the commit is the same, and something outside of it changed",
    Verdict.UNKNOWN: "not known",
}
"""Wherever one is told."""


class Answer(str, Enum):
    """To one of the questions."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Question(str, Enum):
    """What is asked, in this order."""

    ANOTHER_COMMIT = "another_commit"
    OUTSIDE_CHANGED = "outside_changed"
    TURNED_BEFORE = "turned_before"


@dataclass(frozen=True, kw_only=True)
class Onset:
    """What is known of the moment at which a cause began: of its first report, and of the one before that."""

    changes: ProvenanceChanges | None
    """From the one to the other; None where there is none before, or where one of them isn't at hand."""
    images_compared: bool
    """Whether both know the digest of one and the same base image."""
    packages_compared: bool
    """Whether both know their packages."""
    flaky: bool
    """Whether the verdict turned over too often to be the work of changes."""
    verdicts: int
    """How many verdicts of the repository are remembered."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The three answers."""

    another_commit: Answer
    outside_changed: Answer
    turned_before: Answer

    def items(self) -> Sequence[tuple[Question, Answer]]:
        """Each question with its answer, in their order."""
        return (
            (Question.ANOTHER_COMMIT, self.another_commit),
            (Question.OUTSIDE_CHANGED, self.outside_changed),
            (Question.TURNED_BEFORE, self.turned_before),
        )


ENOUGH_VERDICTS = 3
"""Of fewer nobody can say that they don't turn over."""
_YES, _NO, _UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
_TABLE: Mapping[tuple[Answer, Answer], Mapping[Answer, Verdict]] = {
    # (another commit, outside changed): by whether it turned before. What isn't here isn't known.
    (_NO, _YES): {_YES: Verdict.FLAKY, _NO: Verdict.WORLD, _UNKNOWN: Verdict.WORLD},
    (_NO, _NO): {_YES: Verdict.FLAKY},
    (_NO, _UNKNOWN): {_YES: Verdict.FLAKY},
    (_YES, _NO): {_NO: Verdict.REAL, _UNKNOWN: Verdict.REAL},
}


def findings_of(onset: Onset) -> Findings:
    """Answer the questions about one repository."""
    return Findings(
        another_commit=_another_commit(onset), outside_changed=_outside(onset), turned_before=_turned(onset)
    )


def verdict_of(findings: Findings) -> Verdict:
    """What one repository's answers make."""
    row = _TABLE.get((findings.another_commit, findings.outside_changed), {})
    return row.get(findings.turned_before, Verdict.UNKNOWN)


def outside_changes(onset: Onset) -> tuple[PartChange, ...]:
    """What changed that no commit changes by itself: an image that moved behind its name, packages, the machine, us."""
    if onset.changes is None:
        return ()
    return tuple(each for each in onset.changes.parts if not _is_written_in_the_repository(each))


def verdict_of_cause(onsets: Iterable[Onset]) -> Verdict:
    """What a cause is that several repositories share.

    They agree, or: the same thing changed outside of all of them, and one of them broke by that at an unchanged commit.
    Then the others' new commits are beside the point.
    """
    known = list(onsets)
    verdicts = {verdict_of(findings_of(each)) for each in known}
    if len(verdicts) == 1:
        return verdicts.pop()
    if verdicts == {Verdict.WORLD, Verdict.UNKNOWN}:
        shared = set.intersection(*(set(outside_changes(each)) for each in known))
        if shared:
            return Verdict.WORLD
    return Verdict.UNKNOWN


def _another_commit(onset: Onset) -> Answer:
    if onset.changes is None or onset.changes.commits is None:
        return Answer.UNKNOWN
    return Answer.NO if onset.changes.commits.is_same else Answer.YES


def _outside(onset: Onset) -> Answer:
    if outside_changes(onset):
        return Answer.YES
    if onset.changes is None or not (onset.images_compared or onset.packages_compared):
        return Answer.UNKNOWN
    # A list that was cut may hide what it left out.
    return Answer.UNKNOWN if onset.changes.left_out else Answer.NO


def _turned(onset: Onset) -> Answer:
    if onset.flaky:
        return Answer.YES
    return Answer.NO if onset.verdicts >= ENOUGH_VERDICTS else Answer.UNKNOWN


def _is_written_in_the_repository(change: PartChange) -> bool:
    """A base image is named in the Dockerfile; under the same name it is the registry that moved it."""
    return change.part is Changed.BASE_IMAGE and not (change.before or "").startswith(_DIGESTS)


_DIGESTS = ("sha256:", "sha512:")
