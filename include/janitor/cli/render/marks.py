"""The signs in front of results, and text that is safe to print.

A validated repository is untrusted, and so is what it wrote: terminal control sequences in a summary or a log must not
reach the terminal.
"""

from __future__ import annotations

import re

from janitor.domain.states import RunStatus, ValidationStatus

GOOD = "✓"
BAD = "✗"
WAITING = "⏳"
UNKNOWN = "–"  # noqa: RUF001 - a dash as wide as the marks

_CONTROL = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def mark_of(status: ValidationStatus | RunStatus) -> str:
    """✓ for success, ⏳ for what goes on, ✗ for every other end."""
    if not status.is_final:
        return WAITING
    return GOOD if status in (ValidationStatus.SUCCESS, RunStatus.SUCCESS) else BAD


def words_of(status: ValidationStatus | RunStatus) -> str:
    """The state's name in words: `timed out`."""
    name: str = status.value
    return name.replace("_", " ")


def printable(text: str) -> str:
    """The text without terminal control sequences; newlines and tabs stay."""
    return _CONTROL.sub("", text)


def one_line(text: str, *, limit: int = 300) -> str:
    """The text on one line, at most `limit` characters."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
