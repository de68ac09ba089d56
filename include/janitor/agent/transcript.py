"""The record of everything that was said and run: JSON lines, each flushed, so that a killed agent leaves them.

Invariant: the file is readable by its owner alone, holds no known secret, and never grows beyond its limit; that it
was cut is its last line.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from janitor.guest.redaction import Redactor

MAX_BYTES = 4 * 1024 * 1024
"""Largest transcript, in bytes."""
MAX_FIELD_CHARACTERS = 8_000
"""Longest text in a line; the middle of a longer one is left out."""
_CUT = b'{"kind": "cut", "reason": "the transcript reached its limit"}\n'


class Transcript:
    """Writes one line per event.

    Args:
        path: A file that doesn't exist yet.
        redactor: What every text passes through.
        limit: Largest size in bytes.

    Raises:
        OSError: It can't be made, or is there already.
    """

    def __init__(self, path: Path, redactor: Redactor, *, limit: int = MAX_BYTES) -> None:
        self._redactor = redactor
        self._room = limit - len(_CUT)
        # O_EXCL: neither a file nor a link that somebody put there is written through.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(handle, "wb")

    def write(self, kind: str, **data: Any) -> None:
        """Add a line.

        Args:
            kind: What happened.
            data: Anything that JSON can say; the rest is written as text.
        """
        if self._file.closed or self._room < 0:
            return
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        event = {"at": at, "kind": kind, **_shortened(self._redactor.clean_all(data))}
        line = json.dumps(event, default=str).encode() + b"\n"
        if len(line) > self._room:
            self._room = -1
            line = _CUT
        self._room -= len(line)
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """End the record."""
        self._file.close()


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_FIELD_CHARACTERS:
        half = MAX_FIELD_CHARACTERS // 2
        return f"{value[:half]} […{len(value) - 2 * half} characters left out…] {value[-half:]}"
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return value
