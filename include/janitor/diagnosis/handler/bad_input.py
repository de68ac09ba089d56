"""What a worker makes of input that no worker can want: an error that it states is clean, silence or death is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from janitor.diagnosis.handler.output_rules.part import is_empty
from janitor.diagnosis.handler.verdict import PASSED, Verdict, clipped, failing
from janitor.protocol.terms.reason_codes import ReasonCode

BAD_INPUT: dict[str, Any] = {"janitor_negative_input": "no worker takes this"}
"""An object, as the SDK demands, without any field that a worker asks for."""


@dataclass(frozen=True, kw_only=True)
class BadAnswer:
    """What came of the bad input."""

    status: int | None
    """HTTP status; None if no answer came."""
    body: bytes
    problem: str | None
    """Why no answer came, in words."""
    is_alive: bool
    """Whether the worker still ran afterwards."""


def judge_bad_answer(answer: BadAnswer) -> Verdict:
    """Whether the worker took bad input as it should: with an error, or with an output, and alive."""
    if answer.problem is not None:
        return failing(ReasonCode.BAD_INPUT_UNANSWERED, f"bad input got no answer: {answer.problem}")
    if not answer.is_alive:
        return failing(ReasonCode.BAD_INPUT_FATAL, "the worker ended after bad input; the next job would find nobody")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        # The SDK answers 500 in plain text when a generator raises; that is its way to state an error.
        if answer.status in (400, 422, 500):
            return PASSED
        return failing(ReasonCode.BAD_INPUT_UNCLEAR, f"bad input got HTTP {answer.status}: {_text(answer.body)}")
    if not isinstance(document, dict):
        return failing(ReasonCode.BAD_INPUT_UNCLEAR, f"bad input got {clipped(document, 200)}")
    if document.get("status") == "COMPLETED" and not document.get("error") and is_empty(document.get("output")):
        return failing(ReasonCode.BAD_INPUT_SILENT, "bad input was answered with nothing, as if it had been done")
    return PASSED


def _text(body: bytes) -> str:
    return clipped(body[:2_000].decode("utf-8", errors="replace"), 200)
