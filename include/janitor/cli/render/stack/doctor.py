"""The doctor's findings as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from janitor.domain.findings import Finding, FindingLevel
from janitor.views.text.marks import BAD, GOOD, UNKNOWN

_UNTOLD = "?"
_MARKS = {FindingLevel.OK: GOOD, FindingLevel.NOTE: UNKNOWN, FindingLevel.PROBLEM: BAD, FindingLevel.UNKNOWN: _UNTOLD}


def doctor_text(findings: Sequence[Finding]) -> str:
    """The answer of `doctor`: every finding, below it what to do, and how many are problems."""
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = [line for finding in findings for line in _lines(finding, width)]
    problems = sum(finding.level is FindingLevel.PROBLEM for finding in findings)
    counted = f"{problems} {'problem' if problems == 1 else 'problems'}"
    untold = sum(finding.level is FindingLevel.UNKNOWN for finding in findings)
    words = "Everything that is needed is here." if not problems else f"{counted} found."
    if untold:
        words = f"{counted} found, {untold} could not be told." if problems else f"{untold} could not be told."
    return "\n".join([*lines, "", words])


def _lines(finding: Finding, width: int) -> Iterator[str]:
    yield f"{_MARKS[finding.level]} {finding.subject.ljust(width)}  {finding.message}"
    if finding.next_step:
        yield f"  {' ' * width}  → {finding.next_step}"
