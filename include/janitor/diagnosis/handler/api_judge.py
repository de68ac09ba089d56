"""Judges the answer of a worker's API to one test case: the body, never the HTTP status alone.

Source: runpod-python, serverless/modules/rp_fastapi.py: a raising plain handler gives 200 with status FAILED, a
raising generator 500, a job without output 500 too.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.raw_outputs import judge_unanswered, returned_nothing
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import PASSED, Verdict, clipped, failing
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.reason_codes import ReasonCode

MAX_ANSWER_BYTES = 20 * 1024 * 1024
"""Source: the platform's limit for a /runsync payload is 20 MB."""

_ITERATED = re.compile(
    r"Using (?:Standard|Async) Generator|Finished running generator"
    # SDKs before 1.5.
    r"|(?:\| |\"message\": ?\")(?:Async generator|Generator|Finished)\r?(?:$|\")",
    re.MULTILINE,
)


def judge_answer(case: TestCase, status: int, body: bytes, log: str) -> Verdict:
    """Whether the answer shows that the handler did the case's work.

    Args:
        case: What was asked.
        status: The HTTP status.
        body: The whole body.
        log: What the worker has printed so far, for the reason of a failure.
    """
    if len(body) > MAX_ANSWER_BYTES:
        return failing(ReasonCode.OUTPUT_TOO_LARGE, f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    if status == 422:
        return failing(ReasonCode.INPUT_REFUSED, f"the SDK's API refused the input: {clipped(_text(body))}")
    if status == 500:
        said_by_sdk = read_sdk_log(log)
        if returned_nothing(said_by_sdk):
            return failing(
                ReasonCode.EMPTY_OUTPUT, "the handler returned nothing, for which the SDK's API has no answer"
            )
        if (raw := judge_unanswered(said_by_sdk)) is not PASSED:
            return raw
    if status != 200:
        said = last_error(log) or clipped(_text(body))
        return failing(ReasonCode.HANDLER_RAISED, f"the API answered with HTTP {status}: {said}")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return failing(ReasonCode.ANSWER_INVALID, f"the answer is not JSON: {clipped(_text(body))}")
    if not isinstance(answer, dict) or answer.get("error") or answer.get("status") == "FAILED":
        error = answer.get("error") if isinstance(answer, dict) else answer
        return failing(ReasonCode.HANDLER_ERROR, f"the job failed: {_error_text(error)}")
    # SDKs before 1.4 answer with the result and the job's id alone.
    if answer.get("status") != "COMPLETED" and ("status" in answer or "id" not in answer):
        return failing(ReasonCode.NOT_COMPLETED, f"the job's status is {answer.get('status')!r}, not COMPLETED")
    verdict = judge_output(answer.get("output"))
    if verdict is not PASSED:
        return verdict
    if case.has_expected and not same_value(answer["output"], case.expected):
        return failing(
            ReasonCode.OUTPUT_MISMATCH, f"expected {clipped(case.expected, 120)}, got {clipped(answer['output'], 120)}"
        )
    return PASSED


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, 1 is 1.0, and the last digit of a fraction is no difference."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            waiting += ((item, other[key]) for key, item in one.items())
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif not _same_leaf(one, other):
            return False
    return True


def _same_leaf(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def generator_was_iterated(log: str) -> bool:
    """Whether the SDK took the handler for a generator; on the platform it iterates no other."""
    return _ITERATED.search(log) is not None


def last_error(log: str) -> str | None:
    """The last error that the worker logged through the SDK."""
    errors = [entry.message for entry in read_sdk_log(log).entries if entry.level == "ERROR"]
    return clipped(errors[-1]) if errors else None


def _error_text(error: object) -> str:
    """The message within the SDK's description of an exception, else the error itself."""
    if isinstance(error, str):
        try:
            info = json.loads(error)
            kind = str(info["error_type"]).removeprefix("<class '").removesuffix("'>")
            return f"{kind}: {clipped(str(info['error_message']))}"
        except (ValueError, KeyError, TypeError):
            pass
    return clipped(error)


def _text(body: bytes) -> str:
    return body[:2_000].decode("utf-8", errors="replace")
