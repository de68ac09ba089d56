"""Keeps the beginning and the end of an unbounded output."""

from __future__ import annotations


class CappedOutput:
    """Takes output in pieces; memory stays within twice the limit however much comes.

    Args:
        limit: Bytes that are kept.
    """

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.size_bytes = 0
        """Bytes taken so far."""

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        self.size_bytes += len(piece)
        room = self._half - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        if len(self._tail) > 2 * self._half:
            del self._tail[: len(self._tail) - self._half]

    def text(self) -> str:
        """What was kept, with a note of what wasn't."""
        tail = self._tail[-self._half :]
        dropped = self.size_bytes - len(self._head) - len(tail)
        note = f"\n[… {dropped} bytes left out …]\n".encode() if dropped else b""
        return (bytes(self._head) + note + bytes(tail)).decode("utf-8", errors="replace")
