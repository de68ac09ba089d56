"""The lines of a failing check's evidence that tell why: a few around the one that its reason quotes, else the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from janitor.domain.evidence.cause import LogExcerpt
from janitor.protocol.terms.statuses import EvidenceKind
from janitor.protocol.text.plain_text import plain

AROUND = 3
"""Lines before the telling one, and behind it."""
LONGEST_LINE = 300
"""Characters of a line."""
_LOOKED_AT = 200
"""Lines of a log, from its end."""
_FEWEST_LETTERS = 8
"""A shorter line is in many a reason by chance."""
_LONGEST_NAME = 100


def excerpt_of(reason: str, evidence: Any) -> LogExcerpt | None:
    """Choose the lines.

    Args:
        reason: What the check said.
        evidence: Its evidence as the report has it; anything else than the form of a report is no evidence.

    Returns:
        None where no log was kept.
    """
    logs = list(_logs(evidence))
    for name, lines in logs:
        if (telling := _telling(reason, lines)) is not None:
            first = max(0, telling - AROUND)
            return LogExcerpt(name=name, lines=lines[first : telling + AROUND + 1], telling=telling - first)
    if not logs:
        return None
    name, lines = logs[-1]
    return LogExcerpt(name=name, lines=lines[-2 * AROUND - 1 :], telling=None)


def _logs(evidence: Any) -> Iterator[tuple[str, Sequence[str]]]:
    for one in evidence if isinstance(evidence, list) else ():
        if not isinstance(one, Mapping) or one.get("kind") != EvidenceKind.LOG.value:
            continue
        said = [line.rstrip()[:LONGEST_LINE] for line in plain(str(one.get("tail") or "")).split("\n")]
        lines = [line for line in said if line][-_LOOKED_AT:]
        if lines:
            yield str(one.get("name") or "log")[:_LONGEST_NAME], lines


def _telling(reason: str, lines: Sequence[str]) -> int | None:
    """The last line that the reason quotes, or that holds the reason's last part."""
    last_part = reason.rpartition(": ")[2].strip()
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at].strip()
        if len(line) >= _FEWEST_LETTERS and line in reason:
            return at
        if len(last_part) >= _FEWEST_LETTERS and last_part in line:
            return at
    return None
