"""The log for people, one line at a time on standard output, from where it is streamed while the validation runs."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TextIO

from janitor.guest.redaction import LineRedactor, Redactor

_LONGEST_LINE = 300
_MOST_PENDING = 16 * 1024
"""Bytes of a line that are looked at; no more than `_LONGEST_LINE` characters of what is left of them is shown."""
STREAMED_LINES = 80
"""How much of one process's output is streamed; the end of it is in the report anyway."""


class Journal:
    """Writes timed, redacted lines; a reader that has gone away is no reason to stop validating.

    Args:
        redactor: What every line passes through.
        stream: Instead of standard output.
    """

    def __init__(self, redactor: Redactor, stream: TextIO | None = None) -> None:
        self._redactor = redactor
        self._stream = sys.stdout if stream is None else stream
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Write one line, led by the UTC time."""
        self._write(self._redactor.clean(text))

    def _write(self, cleaned: str) -> None:
        line = " ".join(cleaned.splitlines())[:_LONGEST_LINE]
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{datetime.now(timezone.utc):%H:%M:%S} {line}\n")
            self._stream.flush()

    def streamer(self, most_lines: int = STREAMED_LINES) -> Callable[[bytes], None]:
        """A sink that writes the first lines of a process's output as they come, then one note, then nothing."""
        pending = b""
        written = 0
        lines_cleaned = LineRedactor(self._redactor)

        def sink(piece: bytes) -> None:
            nonlocal pending, written
            if written > most_lines:
                return
            *lines, pending = (pending + piece).split(b"\n")
            # The beginning of a line is what is shown; cut there, no secret shows its end without what tells it.
            pending = pending[:_MOST_PENDING]
            for line in lines[: most_lines + 1]:
                written += 1
                if written > most_lines:
                    self.say("  | … more output; its end is in the report")
                    return
                text = lines_cleaned.clean(line[:_MOST_PENDING].decode("utf-8", errors="replace"))
                if text is None or not (shown := text.rstrip()):
                    continue
                if len(line) >= _MOST_PENDING and len(shown) <= _LONGEST_LINE:
                    shown = "… a long line without text to show"
                self._write(f"  | {shown}")

        return sink
