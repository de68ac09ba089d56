"""What an EXPECTED.txt says: the verdicts that are right for its repository, and the kind that it stands for.

The first line, up to its colon, is one clause or several with commas between them; what follows the colon is the
reason, for people. A clause is a verdict, several with `or`, or what must not come:

    failed
    success or error, never failed
    failed (error tolerable), never success
    never success (a note at least)             a success is right where the report has a note
    failed (each of its 10 cases alone, too)    judged once more with each case of its tests.json alone

Other words in parentheses are a remark. A line `Kind: …` names the kind, up to its first full stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from janitor.protocol.terms.statuses import ReportStatus

FILE = "EXPECTED.txt"
NO_KIND = "no kind given"
_MOST_CHARACTERS = 20_000
_WORDS = {
    ReportStatus.SUCCESS: ("success", "succeeds", "successful", "green", "pass", "passes"),
    ReportStatus.FAILED: ("failed", "fails", "fail", "failure", "red"),
    ReportStatus.ERROR: ("error", "errors"),
    ReportStatus.TIMED_OUT: ("timed_out", "timed out", "timeout"),
    ReportStatus.INCOMPLETE: ("incomplete",),
}
_STATUS = {word: status for status, words in _WORDS.items() for word in words}
_REMARK = re.compile(r"\(([^()]{0,300})\)")
_EACH = re.compile(r"each of its (\d{1,3}) cases")
_NEVER = ("never ", "not ", "anything but ")
_WITH_NOTE = (" with a note at least", " with a note", " with notes")
_TOLERATED = ("tolerable", "tolerated", "allowed")


class ExpectationError(ValueError):
    """An EXPECTED.txt that can't be read; the message names the file and says how one is written."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The verdicts that are right for a repository."""

    words: str
    """As they are written, without the reason."""
    right: frozenset[ReportStatus]
    needs_note: bool = False
    """Whether a success is right only with a note in its report."""
    cases: int | None = None
    """How many cases of its tests.json must each get the verdict alone, too."""
    kind: str = NO_KIND

    def allows(self, status: ReportStatus, *, has_note: bool) -> bool:
        """Whether a verdict is right."""
        if status is ReportStatus.SUCCESS and self.needs_note and not has_note:
            return False
        return status in self.right


def read_expectation(file: Path) -> Expectation:
    """Read an EXPECTED.txt.

    Raises:
        ExpectationError: It can't be read, or its first line is none of the forms.
    """
    try:
        text = file.read_text(encoding="utf-8")[:_MOST_CHARACTERS]
    except (OSError, ValueError) as error:
        raise ExpectationError(f"{file}: can't be read: {error}") from error
    try:
        return expectation_of(text)
    except ExpectationError as error:
        raise ExpectationError(f"{file}:1: {error}") from None


def expectation_of(text: str) -> Expectation:
    """The expectation that a text states.

    Raises:
        ExpectationError: Its first line is none of the forms.
    """
    lines = text.strip().splitlines()
    words = lines[0].partition(":")[0].strip() if lines else ""
    remarks = [remark.lower() for remark in _REMARK.findall(words)]
    clauses = [" ".join(clause.lower().split()) for clause in re.split(r"[,;]", _REMARK.sub(" ", words))]
    right, never, needs_note = _clauses(words, [clause for clause in clauses if clause])
    cases = None
    for remark in remarks:
        needs_note = needs_note or "note" in remark.split()
        if any(word in remark.split() for word in _TOLERATED):
            right |= {_STATUS[word] for word in remark.split() if word in _STATUS}
        if found := _EACH.search(remark):
            cases = int(found.group(1))
    if right & never:
        contradiction = ", ".join(sorted(status.value for status in right & never))
        raise ExpectationError(f"{words!r} both wants and rules out {contradiction}")
    if not right:
        right = set(ReportStatus) - never
        right |= {ReportStatus.SUCCESS} if needs_note else set()
    return Expectation(words=words, right=frozenset(right), needs_note=needs_note, cases=cases, kind=_kind(lines))


def _clauses(words: str, clauses: list[str]) -> tuple[set[ReportStatus], set[ReportStatus], bool]:
    """The verdicts that are wanted, those that are ruled out, and whether a note is asked for."""
    right: set[ReportStatus] = set()
    never: set[ReportStatus] = set()
    needs_note = False
    for clause in clauses:
        found, rest = right, clause
        for start in _NEVER:
            if rest.startswith(start):
                found, rest = never, rest[len(start) :]
        for end in _WITH_NOTE:
            if rest.endswith(end):
                needs_note, rest = True, rest[: -len(end)]
        for word in re.split(r" or | nor ", rest):
            if word.strip() not in _STATUS:
                raise ExpectationError(f"{words!r} says no verdict: {_FORMS}")
            found.add(_STATUS[word.strip()])
    if not right and not never:
        raise ExpectationError(f"{words!r} says no verdict: {_FORMS}")
    return right, never, needs_note


def _kind(lines: list[str]) -> str:
    for line in lines[1:]:
        name, colon, rest = line.partition(":")
        if colon and name.strip().lower() == "kind" and rest.strip():
            return rest.strip().split(". ")[0].rstrip(".")
    return NO_KIND


_FORMS = (
    'the first line, up to its colon, is such as "failed", "success or error, never failed", '
    '"failed (error tolerable), never success", "never success (a note at least)" or '
    '"failed (each of its 10 cases alone, too)"'
)
