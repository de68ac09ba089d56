"""The signs in front of results, and text that fits one line of an answer.

That what is printed is harmless is the console's part; a renderer only sees to it that one field stays one line.
"""

from __future__ import annotations

from janitor.domain.states import RunStatus, ValidationStatus
from janitor.protocol.text import plain_text
from janitor.protocol.text.marks import BAD, GOOD, UNKNOWN, WAITING

__all__ = ["BAD", "GOOD", "UNKNOWN", "WAITING", "mark_of", "one_line", "words_of"]


def mark_of(status: ValidationStatus | RunStatus) -> str:
    """✓ for success, ⏳ for what goes on, ✗ for every other end."""
    if not status.is_final:
        return WAITING
    return GOOD if status in (ValidationStatus.SUCCESS, RunStatus.SUCCESS) else BAD


def words_of(status: ValidationStatus | RunStatus) -> str:
    """The state's name in words: `timed out`."""
    name: str = status.value
    return name.replace("_", " ")


def one_line(text: str, *, limit: int = 300) -> str:
    """The text on one line, at most `limit` characters."""
    return plain_text.one_line(text, limit=limit)
