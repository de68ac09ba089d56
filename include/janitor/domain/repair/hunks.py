"""The hunks of a diff, and what becomes of a file by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DiffError(ValueError):
    """The text is no diff that can be read, or doesn't fit the file; the message says where."""


@dataclass(frozen=True, kw_only=True)
class HunkLine:
    """One line of a hunk."""

    sign: str
    """`+`, `-`, or a blank."""
    text: str
    ends: bool
    """Whether a newline follows it in the file."""


@dataclass(frozen=True, kw_only=True)
class Hunk:
    """One place of a file that changes."""

    old_start: int
    """From 1; 0 where there was no line."""
    old_count: int
    new_start: int
    lines: tuple[HunkLine, ...]


def patched(before: str, hunks: Sequence[Hunk]) -> str:
    """The file after its hunks, each at the very line that it names.

    Raises:
        DiffError: The file holds something else there.
    """
    lines = before.split("\n")
    old = [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]
    after: list[str] = []
    at = 0
    for hunk in hunks:
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        if start < at or start > len(old):
            raise DiffError(f"a hunk at line {hunk.old_start} lies outside of the file, or before the one above it")
        after += old[at:start]
        at = start
        for line in hunk.lines:
            text = line.text + ("\n" if line.ends else "")
            if line.sign != "+":
                if at >= len(old) or old[at] != text:
                    raise DiffError(f"line {at + 1} of the file is not {line.text[:80]!r}")
                at += 1
            if line.sign != "-":
                after.append(text)
    after += old[at:]
    if any(not line.endswith("\n") for line in after[:-1]):
        raise DiffError("a line without an end stands before another")
    return "".join(after)
