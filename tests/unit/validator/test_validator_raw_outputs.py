"""What handlers returned, as the SDK logs it while it serves the API."""

from __future__ import annotations

import pytest

from janitor.validator.handler.raw_outputs import judge_raw_outputs, returned_nothing, shows_returns
from janitor.validator.handler.sdk_log import read_sdk_log
from janitor.validator.handler.verdict import PASSED


def served(*messages: str) -> str:
    return "\n".join(
        ("--- Starting Serverless Worker |  Version 1.12.0 ---", "INFO:     Uvicorn running", *messages, "")
    )


def returned(result: str, job: str = "test-1") -> str:
    return f"INFO   | {job} | Started.\nDEBUG  | {job} | run_job return: {result}"


@pytest.mark.parametrize(
    "result",
    ["{'output': {'ok': 1}}", "{'output': [1, 'a', None]}", "{'error': 'boom'}", "{'output': \"b'x' is text\"}"],
)
def test_json_passes(result):
    assert judge_raw_outputs(read_sdk_log(served(returned(result)))) is PASSED


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ("{'output': <generator object f at 0x7f00>}", "generator_returned"),
        ("{'output': <async_generator object f at 0x7f00>}", "generator_returned"),
        ("{'output': {'words': <generator object f.<locals>.<genexpr> at 0x7f00>}}", "unfinished_object"),
        ("{'output': {'x': <coroutine object work at 0x7f00>}}", "unfinished_object"),
        ("{'output': {'made': datetime.date(2026, 1, 1)}}", "output_not_json"),
        ("{'output': {'made': b'x'}}", "output_not_json"),
    ],
)
def test_what_the_api_makes_look_better_fails(result, code):
    log = served(returned("{'output': 1}"), returned(result, "test-2"), returned("{'output': 2}", "test-3"))
    assert judge_raw_outputs(read_sdk_log(log)).code == code


def test_what_a_generator_yields_is_sent_too():
    log = "DEBUG  | test-1 | Using Standard Generator\nDEBUG  | test-1 | Generator output: {'a': 1}"
    assert judge_raw_outputs(read_sdk_log(served(log))) is PASSED
    more = "DEBUG  | test-1 | Generator output: {'image': array([1, 2])}"
    assert judge_raw_outputs(read_sdk_log(served(log, more))).code == "output_not_json"
    later = "DEBUG  | test-1 | Async Generator output: b'x'"
    assert judge_raw_outputs(read_sdk_log(served(log, later))).code == "output_not_json"


def test_nothing_returned_is_told_from_nothing_said():
    assert returned_nothing(read_sdk_log(served(returned("{}"))))
    assert not returned_nothing(read_sdk_log(served(returned("{'output': None}"))))
    assert not returned_nothing(read_sdk_log(served()))
    assert shows_returns(read_sdk_log(served(returned("{}"))))
    assert not shows_returns(read_sdk_log(served("DEBUG  | test-1 | Using Standard Generator")))
