"""Keeps a bounded part of an unbounded output: its beginning, its end, and the lines in between that matter.

Invariant: memory stays within head + kept + tail (about 1 MiB) whatever the process prints; the digest and the size
are those of everything it printed.
"""

from __future__ import annotations

import hashlib
import re

HEAD_BYTES = 256 * 1024
KEPT_BYTES = 128 * 1024
TAIL_BYTES = 512 * 1024
_LONGEST_LINE_BYTES = 16 * 1024

# What the runpod SDK says about a job, and what build tools say about a failure: worth keeping from a flood's middle.
_MATTERS = re.compile(
    rb"--- Starting Serverless Worker"
    rb"|Job \S+ (?:completed successfully|failed with error)"
    rb"|Job result: |Local testing complete|Captured Handler Exception|Finished running generator"
    rb"|test_input\.json not found"
)


class Capture:
    """Takes output in pieces and gives back a bounded text of it."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._kept = bytearray()
        self._partial_line = b""
        self._dropped_bytes = 0
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        """Bytes taken so far."""

    def add(self, piece: bytes) -> None:
        """Take the next piece of output."""
        self._digest.update(piece)
        self.size_bytes += len(piece)
        room = HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        if not piece:
            return
        self._tail += piece
        # Trimming only at twice the size makes the cost per byte constant.
        if len(self._tail) >= 2 * TAIL_BYTES:
            self._drop(len(self._tail) - TAIL_BYTES)

    def _drop(self, count: int) -> None:
        dropped = self._partial_line + bytes(self._tail[:count])
        del self._tail[:count]
        self._dropped_bytes += count
        end = dropped.rfind(b"\n") + 1
        self._partial_line = dropped[end:][-_LONGEST_LINE_BYTES:]
        for match in _MATTERS.finditer(dropped, 0, end):
            if len(self._kept) >= KEPT_BYTES:
                break
            start = dropped.rfind(b"\n", max(0, match.start() - _LONGEST_LINE_BYTES), match.start()) + 1
            stop = dropped.find(b"\n", match.end(), match.end() + _LONGEST_LINE_BYTES)
            line = dropped[start : stop if stop >= 0 else match.end() + _LONGEST_LINE_BYTES] + b"\n"
            if not self._kept.endswith(line):
                self._kept += line

    def finish(self) -> Captured:
        """What was taken so far, bounded; more may be added."""
        if len(self._tail) > TAIL_BYTES:
            self._drop(len(self._tail) - TAIL_BYTES)
        content = bytes(self._head)
        if self._dropped_bytes:
            # The start of a line that was cut in two goes back to its end.
            note = f"\n[janitor: {self._dropped_bytes} bytes left out, of which these lines are kept]\n"
            content += note.encode() + bytes(self._kept) + self._partial_line
        content += bytes(self._tail)
        return Captured(content=content, sha256=self._digest.hexdigest(), size_bytes=self.size_bytes)


class Captured:
    """The bounded output of a process that has ended."""

    def __init__(self, *, content: bytes, sha256: str, size_bytes: int) -> None:
        self.content = content
        self.sha256 = sha256
        self.size_bytes = size_bytes
        self.text = content.decode("utf-8", errors="replace")
