"""The doctor's findings as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from janitor.stack.doctor import Finding, FindingLevel
from janitor.views.text.marks import BAD, GOOD, UNKNOWN

_MARKS = {FindingLevel.OK: GOOD, FindingLevel.NOTE: UNKNOWN, FindingLevel.PROBLEM: BAD}


def doctor_text(findings: Sequence[Finding]) -> str:
    """The answer of `doctor`: every finding, below it what to do, and how many are problems."""
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = [line for finding in findings for line in _lines(finding, width)]
    problems = sum(finding.level is FindingLevel.PROBLEM for finding in findings)
    counted = f"{problems} {'problem' if problems == 1 else 'problems'}"
    return "\n".join([*lines, "", "Everything that is needed is here." if not problems else f"{counted} found."])


def _lines(finding: Finding, width: int) -> Iterator[str]:
    yield f"{_MARKS[finding.level]} {finding.subject.ljust(width)}  {finding.message}"
    if finding.next_step:
        yield f"  {' ' * width}  → {finding.next_step}"
