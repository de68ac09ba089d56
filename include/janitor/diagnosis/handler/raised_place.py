"""The line of the repository at which an exception was raised that a verdict speaks of.

Invariant: a place is told only of the very exception that the reason names, and only in a file of the repository; a
traceback of something else in the same log says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

_LONGEST = 200_000
"""Characters of a log's end that are looked at."""
_MOST_TRACEBACKS, _MOST_FRAMES = 20, 200
_TITLE = "Traceback (most recent call last):"
_INSTALLED = ("/site-packages/", "/dist-packages/", "/lib/python")


def raised_place(log: str, reason: str, files: Collection[str]) -> tuple[str, int] | None:
    """File, from the repository's root, and line; None where the log doesn't tell.

    Args:
        log: What the worker printed; the SDK quotes tracebacks as JSON.
        reason: Why the worker is blamed.
        files: Of the repository, from its root.
    """
    text = log[-_LONGEST:].replace("\\n", "\n").replace('\\"', '"')
    # Who blames an exception blames the last one with that name: earlier ones were caught.
    for block in reversed(text.split(_TITLE)[1:][-_MOST_TRACEBACKS:]):
        frames, kind = _read(block)
        if kind is None or not re.search(rf"(?<![\w.]){re.escape(kind)}(?!\w)", reason):
            continue
        for path, line in reversed(frames):
            if (file := _in_repository(path, files)) is not None:
                return file, line
    return None


def _read(block: str) -> tuple[list[tuple[str, int]], str | None]:
    """The frames of a traceback, outermost first, and the exception's name without its module."""
    frames: list[tuple[str, int]] = []
    for line in block.splitlines()[1:]:
        if found := _patterns()["frame"].match(line):
            frames.append((found[1], int(found[2])))
        elif line and not line.startswith((" ", "\t")):
            name = _patterns()["exception"].match(line)
            return frames[-_MOST_FRAMES:], name[1].rsplit(".", 1)[-1] if name else None
    return frames, None


def _in_repository(path: str, files: Collection[str]) -> str | None:
    """The repository's file that lies at a path of the image or of the folder that stands for it."""
    if any(part in path for part in _INSTALLED):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return next((name for first in range(len(parts)) if (name := "/".join(parts[first:])) in files), None)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {
        "frame": re.compile(r'\s{1,8}File "([^"\n]{1,400})", line (\d{1,7})'),
        "exception": re.compile(r'^([A-Za-z_][\w.]{0,300})(?=:|$|")'),
    }
