"""What bad input may come to."""

from __future__ import annotations

import json

import pytest

from janitor.diagnosis.handler.bad_input import BadAnswer, judge_bad_answer
from janitor.diagnosis.handler.output_rules.author import same_value
from janitor.diagnosis.handler.verdict import PASSED


def judged(body: object = None, *, status: int | None = 200, problem: str | None = None, alive: bool = True):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge_bad_answer(BadAnswer(status=status, body=content, problem=problem, is_alive=alive))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "FAILED", "error": "text is missing"}, 200),
        ({"status": "COMPLETED", "output": {"words": 0}}, 200),
        ({"detail": "no"}, 422),
        (b"Internal Server Error", 500),
    ],
)
def test_error_or_answer_is_clean(body, status):
    assert judged(body, status=status) is PASSED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"body": b"", "status": None, "problem": "it broke off"}, "bad_input_unanswered"),
        ({"body": {"status": "FAILED"}, "alive": False}, "bad_input_fatal"),
        ({"body": {"status": "COMPLETED", "output": None}}, "bad_input_silent"),
        ({"body": b"<html>", "status": 502}, "bad_input_unclear"),
        ({"body": [1]}, "bad_input_unclear"),
    ],
)
def test_anything_else_is_not(changes, code):
    assert judged(**changes).code == code


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (True, 1, False),
        ({"a": [1, None]}, {"a": [1, None]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        ("1", 1, False),
    ],
)
def test_expected_output_is_compared_by_value(left, right, same):
    assert same_value(left, right) is same
