"""The log for people, one line at a time on standard output, from where it is streamed while the validation runs."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TextIO

from janitor.guest.redaction import Redactor

_LONGEST_LINE = 300
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
        line = " ".join(self._redactor.clean(text).splitlines())[:_LONGEST_LINE]
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{datetime.now(timezone.utc):%H:%M:%S} {line}\n")
            self._stream.flush()

    def streamer(self, most_lines: int = STREAMED_LINES) -> Callable[[bytes], None]:
        """A sink that writes the first lines of a process's output as they come, then one note, then nothing."""
        pending = b""
        written = 0

        def sink(piece: bytes) -> None:
            nonlocal pending, written
            if written > most_lines:
                return
            *lines, pending = (pending + piece).split(b"\n")
            pending = pending[-_LONGEST_LINE * 4 :]
            for line in lines[: most_lines + 1]:
                written += 1
                if written > most_lines:
                    self.say("  | … more output; its end is in the report")
                    return
                if text := line[: _LONGEST_LINE * 4].decode("utf-8", errors="replace").rstrip():
                    self.say(f"  | {text}")

        return sink
