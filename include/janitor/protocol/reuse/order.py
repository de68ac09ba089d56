"""What the control side asks of a worker's machine: look at it, or clear it and look, as `janitor-reuse-order/1`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from janitor.protocol.codec import Document, Part
from janitor.protocol.order.spec import Uuid
from janitor.protocol.reuse.manifest import MOST_PROCESSES, EngineSeen
from janitor.protocol.values import Most, Range, Text

ORDER_MAX_BYTES = 2 * 1024 * 1024
"""Largest order that is read, in bytes."""
NONCE_PATTERN = r"[0-9a-f]{32}"
Ordinal = Annotated[int, Range(0, 100_000)]


class ReuseOrderError(ValueError):
    """The order is unreadable; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class Process(Part):
    """Which process is meant."""

    pid: Annotated[int, Range(0, 2**31)]
    started: Annotated[int, Range(0, 2**62)]


@dataclass(frozen=True, kw_only=True)
class Before(Part):
    """What was there before any task, and stays."""

    processes: Annotated[tuple[Process, ...], Most(MOST_PROCESSES)]
    engine: EngineSeen | None
    gpu_memory_mib: Annotated[int, Range(0, 10**9)] | None


@dataclass(frozen=True, kw_only=True)
class ReuseOrder(Document):
    """One look at a worker's machine."""

    FORMAT = "janitor-reuse-order/1"
    NOUN = "order"
    MAX_BYTES = ORDER_MAX_BYTES
    ERROR = ReuseOrderError

    worker_id: Uuid
    ordinal: Ordinal
    """After its how-manieth task; 0: before the first."""
    nonce: Annotated[str, Text(32, NONCE_PATTERN)]
    """The answer has it: no earlier one stands for it."""
    limit: Annotated[timedelta, Range(1, 3_600)]
    """For all of it, the answer's way included."""
    validation_id: Uuid | None = None
    """Of the task that is over; None: there was none."""
    before: Before | None = None
    """None: nothing is cleared."""
    result_url: Annotated[str, Text(8_000, r"https?://\S+")] | None = None
    """Presigned URL that takes the answer by PUT; a secret."""
    result_path: Annotated[str, Text(2_000)] | None = None
    """File that takes it."""

    def to_json(self) -> str:
        """The document as one line of text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
