"""What a worker's machine answers, as `janitor-reuse/1`: what was cleared, what is left, and how it looks now.

The control side reads it from a machine that ran untrusted code: every size is bounded, nothing is coerced, and nothing
in it is believed beyond what it costs to lie.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from janitor.protocol.codec import Document, Part
from janitor.protocol.order.spec import Uuid
from janitor.protocol.reuse.manifest import Manifest
from janitor.protocol.reuse.order import NONCE_PATTERN, Ordinal
from janitor.protocol.terms.provenance import Warm
from janitor.protocol.values import Most, Range, Text

RESULT_MAX_BYTES = 6 * 1024 * 1024
"""Largest answer that is read, in bytes."""
MOST_SAID = 50
LONGEST_SAID = 300

EXIT_CLEAN, EXIT_LEFT, EXIT_BAD_ORDER, EXIT_UNDELIVERED = 0, 1, 2, 3
"""Of the program: the answer was handed in, and nothing is left; it was, and something is; it was not."""

Said = Annotated[tuple[Annotated[str, Text(LONGEST_SAID)], ...], Most(MOST_SAID)]


class ReuseResultError(ValueError):
    """The document is no acceptable answer; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class Scrub(Part):
    """How clearing went, in words for people."""

    survivors: Said = ()
    """What lived or lay there although a validation removes it itself: ended and removed now."""
    removed: Said = ()
    """What is removed after every task."""
    left: Said = ()
    """What could not be removed, or could not be seen to be gone: the machine is of no further use."""
    warm: Warm
    """What the next task finds."""


@dataclass(frozen=True, kw_only=True)
class ReuseResult(Document):
    """The answer to one order."""

    FORMAT = "janitor-reuse/1"
    NOUN = "answer"
    MAX_BYTES = RESULT_MAX_BYTES
    ERROR = ReuseResultError

    worker_id: Uuid
    ordinal: Ordinal
    nonce: Annotated[str, Text(32, NONCE_PATTERN)]
    validator_version: Annotated[str, Text(50)]
    seconds: Annotated[float, Range(0, 24 * 3600.0)]
    scrub: Scrub | None
    """None where nothing was to be cleared."""
    manifest: Manifest

    def to_json(self) -> bytes:
        """The document, UTF-8 encoded."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False).encode()
