"""Judges the answer of a worker's API to one test case: the body, never the HTTP status alone.

Source: runpod-python, serverless/modules/rp_fastapi.py: a raising plain handler gives 200 with status FAILED, a
raising generator 500, a job without output 500 too.
"""

from __future__ import annotations

import re

from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.output_rules.author import Asked
from janitor.diagnosis.handler.output_rules.contract import ANSWER, read_answer
from janitor.diagnosis.handler.output_rules.rule import first_failure
from janitor.diagnosis.handler.raw_outputs import judge_unanswered, returned_nothing
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import PASSED, Verdict, clipped, failing
from janitor.inspection.documents.tests_file import TestCase
from janitor.protocol.terms.reason_codes import ReasonCode

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
        answered = read_answer(body)
    except (ValueError, RecursionError):
        return failing(ReasonCode.ANSWER_INVALID, f"the answer is not JSON: {clipped(_text(body))}")
    if failure := first_failure(ANSWER.rules, answered):
        return failure
    return judge_output(answered.document.get("output"), asked_of(case))


def asked_of(case: TestCase) -> Asked:
    """What a test case asks, and what its author says of a good answer."""
    return Asked(
        given=case.input, has_expected=case.has_expected, expected=case.expected, success_when=case.success_when
    )


def generator_was_iterated(log: str) -> bool:
    """Whether the SDK took the handler for a generator; on the platform it iterates no other."""
    return _ITERATED.search(log) is not None


def last_error(log: str) -> str | None:
    """The last error that the worker logged through the SDK."""
    errors = [entry.message for entry in read_sdk_log(log).entries if entry.level == "ERROR"]
    return clipped(errors[-1]) if errors else None


def _text(body: bytes) -> str:
    return body[:2_000].decode("utf-8", errors="replace")
