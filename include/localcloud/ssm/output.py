"""Where a command's output goes besides the box's records: a log stream while it runs, S3 objects when it ends.

Caps, so that a command that prints without end costs neither memory nor disk: what a box stores of each output is
`STORED_OUTPUT_LIMIT_BYTES` (that is also what reaches S3), and one log stream takes `LOG_STREAM_LIMIT_EVENTS`.
A line says so where either cuts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.logs.models import logs_backends
from moto.s3.models import s3_backends

from localcloud.s3.disk import flush_changes

log = logging.getLogger(__name__)

STORED_OUTPUT_LIMIT_BYTES = 8 << 20
LOG_STREAM_LIMIT_EVENTS = 100_000
READ_BYTES = 1 << 20
BATCH_BYTES = 1 << 20
BATCH_EVENTS = 10_000
EVENT_OVERHEAD_BYTES = 26
EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD_BYTES
"""Source of the last four: CloudWatch Logs API reference, PutLogEvents (the older, smaller event limit)."""


class LogForwarder:
    """Copies one output file to one log stream, line by line, while the file grows."""

    def __init__(self, account: str, region: str, group: str, stream: str, path: Path) -> None:
        self._backend: Any = logs_backends[account][region]
        self._group = group
        self._stream = stream
        self._path = path
        self._offset = 0
        self._events = 0
        self._partial = b""

    def forward(self, *, last: bool = False) -> None:
        """Send the lines that are complete; with `last` the unfinished one too."""
        if self._path.exists() and self._events < LOG_STREAM_LIMIT_EVENTS:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while data := file.read(READ_BYTES):
                    self._offset += len(data)
                    self._take(data)
        if last and self._partial:
            self._put([self._partial])
            self._partial = b""

    def _take(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        while len(self._partial) > EVENT_BYTES:  # a line that never ends is sent in pieces
            lines.append(self._partial[:EVENT_BYTES])
            self._partial = self._partial[EVENT_BYTES:]
        self._put(lines)

    def _put(self, lines: list[bytes]) -> None:
        pieces = [
            line[start : start + EVENT_BYTES].decode(errors="replace")
            for line in lines
            for start in range(0, len(line.rstrip(b"\r")), EVENT_BYTES)
        ]  # CloudWatch takes no empty event, so empty lines are left out
        if not pieces or self._events >= LOG_STREAM_LIMIT_EVENTS:
            return
        room = LOG_STREAM_LIMIT_EVENTS - 1 - self._events  # the last event is for saying that it was cut
        if len(pieces) > room:
            pieces = [*pieces[:room], f"[localcloud: log cut after {LOG_STREAM_LIMIT_EVENTS - 1} lines]"]
        self._events += len(pieces)
        self._backend.ensure_log_group(self._group)
        self._backend.ensure_log_stream(self._group, self._stream)
        now = int(time.time() * 1000)
        for batch in batches(pieces):
            self._backend.put_log_events(
                self._group, self._stream, [{"timestamp": now, "message": message} for message in batch]
            )


def batches(messages: list[str]) -> Iterator[list[str]]:
    """Split into what one PutLogEvents call takes."""
    batch: list[str] = []
    size = 0
    for message in messages:
        cost = len(message.encode()) + EVENT_OVERHEAD_BYTES
        if batch and (len(batch) == BATCH_EVENTS or size + cost > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += cost
    if batch:
        yield batch


def upload(account: str, bucket: str, key: str, path: Path) -> None:
    """Store an output file in S3. A missing bucket costs the output there, not the command, as on AWS."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        s3_backends[account]["aws"].put_object(bucket, key, path.read_bytes())
        flush_changes()
    except Exception as exc:
        log.warning("command output could not be stored as s3://%s/%s: %s", bucket, key, exc)


def head(path: Path, limit: int) -> str:
    """The first `limit` characters of an output file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:  # at most four bytes make a character
        return file.read(limit * 4).decode(errors="replace")[:limit]
