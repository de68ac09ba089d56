"""The judgement of an API's answer: by its body, never by the HTTP status alone."""

from __future__ import annotations

import json

import pytest

from janitor.diagnosis.handler.api_judge import MAX_ANSWER_BYTES, generator_was_iterated, judge_answer
from janitor.diagnosis.handler.verdict import PASSED, Outcome
from janitor.inspection.documents.tests_file import TestCase

CASE = TestCase(name="basic", input={"a": 1}, limit=None)


def answer(**fields: object) -> bytes:
    return json.dumps({"id": "test-1", **fields}).encode()


@pytest.mark.parametrize("output", [{"ok": 1}, ["a", "b"], "text", 0, False, [{"token": "a"}, {"token": ""}]])
def test_completed_answer_with_output_passes(output):
    assert judge_answer(CASE, 200, answer(status="COMPLETED", output=output), "").outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, answer(status="FAILED", error="boom"), "handler_error"),
        (200, answer(status="COMPLETED", output={"ok": 1}, error="boom"), "handler_error"),
        (200, answer(status="IN_PROGRESS"), "not_completed"),
        (200, answer(status="COMPLETED"), "empty_output"),
        (200, answer(status="COMPLETED", output=None), "empty_output"),
        (200, answer(status="COMPLETED", output=[]), "empty_output"),
        (200, answer(status="COMPLETED", output=[{"ok": 1}, {"error": "boom"}]), "nested_error"),
        (200, answer(status="COMPLETED", output={"deep": {"er": [{"error": "boom"}]}}), "nested_error"),
        (200, answer(status="COMPLETED", output="<generator object f at 0x7f00>"), "unfinished_object"),
        (200, b"<html>", "answer_invalid"),
        (200, b"[]", "handler_error"),
        (500, b"Internal Server Error", "handler_raised"),
        (404, b"not here", "handler_raised"),
        (422, b'{"detail": []}', "input_refused"),
        (200, b"x" * (MAX_ANSWER_BYTES + 1), "output_too_large"),
    ],
)
def test_anything_else_fails(status, body, code):
    verdict = judge_answer(CASE, status, body, "")
    assert (verdict.outcome, verdict.code) == (Outcome.FAIL, code)


def test_reason_of_a_server_error_is_the_workers_own_last_error():
    log = "INFO   | test-1 | Started.\nERROR  | test-1 | CUDA error: no kernel image\n"
    assert "no kernel image" in (judge_answer(CASE, 500, b"Internal Server Error", log).reason or "")


def test_handler_that_returned_nothing_is_told_from_one_that_raised():
    log = "INFO   | test-1 | Started.\nDEBUG  | test-1 | run_job return: {}\n"
    assert judge_answer(CASE, 500, b"Internal Server Error", log).code == "empty_output"
    raised = log.replace("{}", "{'error': 'boom'}")
    assert judge_answer(CASE, 500, b"Internal Server Error", raised).code == "handler_raised"


def test_output_that_the_api_can_make_nothing_of():
    log = "DEBUG  | test-1 | run_job return: {'output': <async_generator object f at 0x7f00>}\n"
    assert judge_answer(CASE, 500, b"Internal Server Error", log).code == "generator_returned"
    log = "DEBUG  | test-1 | run_job return: {'output': {'image': array([1, 2])}}\n"
    assert judge_answer(CASE, 500, b"Internal Server Error", log).code == "output_not_json"


@pytest.mark.parametrize(
    ("expected", "output", "is_same"),
    [
        ({"a": 0.3}, {"a": 0.1 + 0.2}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        ({"a": 0.30001}, {"a": 0.3}, False),
        ("a", "a ", False),
    ],
)
def test_expected_output_is_the_whole_output(expected, output, is_same):
    case = TestCase(name="expected", input={}, limit=None, has_expected=True, expected=expected)
    verdict = judge_answer(case, 200, answer(status="COMPLETED", output=output), "")
    assert verdict.code == (None if is_same else "output_mismatch")


@pytest.mark.parametrize("depth", [10, 200, 400])
def test_depth_is_no_obstacle(depth):
    def nested(opening: str, core: str, closing: str) -> bytes:
        return f'{{"status": "COMPLETED", "output": {opening * depth}{core}{closing * depth}}}'.encode()

    assert judge_answer(CASE, 200, nested("[", "1", "]"), "").outcome is Outcome.PASS
    assert judge_answer(CASE, 200, nested("[", "", "]"), "").code == "empty_output"
    assert judge_answer(CASE, 200, nested('{"error":', "0", "}"), "").outcome is Outcome.PASS
    assert judge_answer(CASE, 200, nested('{"error":', '"boom"', "}"), "").code == "nested_error"
    assert judge_answer(CASE, 200, nested('[{"a":', '{"error": "boom"}', "}]"), "").code == "nested_error"
    case = TestCase(name="deep", input={}, limit=None, has_expected=True, expected=json.loads("[" * 400 + "]" * 400))
    assert judge_answer(case, 200, nested("[", "1", "]"), "").code == "output_mismatch"


def test_expected_output_is_compared():
    case = TestCase(name="expected", input={}, limit=None, has_expected=True, expected="Hello, Dolly!")
    assert judge_answer(case, 200, answer(status="COMPLETED", output="Hello, Dolly!"), "").outcome is Outcome.PASS
    verdict = judge_answer(case, 200, answer(status="COMPLETED", output="Hello!"), "")
    assert verdict.code == "output_mismatch"
    assert "Hello, Dolly!" in (verdict.reason or "")


def test_generator_counts_as_iterated_only_if_the_sdk_did_it():
    assert generator_was_iterated("DEBUG  | test-1 | Using Standard Generator\n")
    assert not generator_was_iterated("DEBUG  | test-1 | Handler output: <generator object f at 0x7f>\n")


def test_exception_within_the_error_is_shown_as_such():
    error = json.dumps({"error_type": "<class 'ValueError'>", "error_message": "bad"})
    assert judge_answer(CASE, 200, answer(status="FAILED", error=error), "").reason == "the job failed: ValueError: bad"


def test_answer_of_an_sdk_before_1_4_has_no_status():
    assert judge_answer(CASE, 200, b'{"output": {"ok": 1}, "id": "x"}', "") is PASSED
    assert judge_answer(CASE, 200, b'{"output": {"a": {"error": "boom"}}, "id": "x"}', "").code == "nested_error"
    assert judge_answer(CASE, 200, b'{"id": "x"}', "").code == "empty_output"
    assert judge_answer(CASE, 200, b'{"error": "boom", "id": "x"}', "").code == "handler_error"
    assert judge_answer(CASE, 200, b'{"output": {"ok": 1}}', "").code == "not_completed"


@pytest.mark.parametrize(
    ("log", "was"),
    [
        ("DEBUG  | test-1 | Using Standard Generator", True),
        ("DEBUG  | test-1 | Generator\nINFO   | test-1 | Finished", True),
        ("DEBUG  | test-1 | Async generator", True),
        ('{"requestId": "test-1", "message": "Generator", "level": "DEBUG"}', True),
        ("INFO   | test-1 | Finished\n", True),
        ("INFO   | test-1 | Started.\nGenerator\nFinished", False),
        ("DEBUG  | test-1 | Handler output: Generator of words", False),
    ],
)
def test_whether_a_generator_was_iterated(log, was):
    assert generator_was_iterated(log) is was
