"""What an author says of a good answer: read or refused with its place, and held against an output."""

from __future__ import annotations

import re

import pytest

from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.output_rules.author import Asked
from janitor.diagnosis.handler.verdict import PASSED
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.success_when import read_condition
from janitor.protocol.values import Place

IDENTITY = {"name": "worker", "organization": "acme", "url": "https://example.com/acme/worker.git"}


def judged(condition: str, output: object) -> str | None:
    return judge_output(output, Asked(success_when=read_condition(condition))).code


@pytest.mark.parametrize(
    ("condition", "output"),
    [
        ("status = COMPLETED", {"status": "COMPLETED"}),
        ("status=COMPLETED", {"status": "COMPLETED"}),
        ('status = "COMPLETED"', {"status": "COMPLETED"}),
        ("images[0].type = base64", {"images": [{"type": "base64"}]}),
        ("images[-1].type = base64", {"images": [{}, {"type": "base64"}]}),
        ("[1] = b", ["a", "b"]),
        ("seed = 3", {"seed": 3}),
        ("seed = 3", {"seed": "3"}),
        ("seed = 3", {"seed": 3.0}),
        ("ok = true", {"ok": True}),
        ("seed = null", {"seed": None, "image": "a"}),
        ("size = [1, 2]", {"size": [1, 2]}),
        ("text = a = b", {"text": "a = b"}),
        ('["a.b"][" c "] exists', {"a.b": {" c ": 0}}),
        ("output.status = done", {"status": "done"}),
        ("output = done", "done"),
        ("output.status = done", {"output": {"status": "done"}}),
        ("9.images exists", {"9": {"images": []}}),
        ("text exists", {"text": ""}),
    ],
)
def test_a_condition_that_is_met_settles_it(condition, output):
    assert judged(condition, output) is None


@pytest.mark.parametrize(
    ("condition", "output"),
    [
        ("status = COMPLETED", {"status": "completed"}),
        ("status = COMPLETED", {"state": "COMPLETED"}),
        ("status = COMPLETED", "COMPLETED"),
        ("images[0].type = base64", {"images": []}),
        ("images[-2].type = base64", {"images": [{"type": "base64"}]}),
        ("images[0].type = base64", {"images": "base64"}),
        ("ok = true", {"ok": 1}),
        ("ok = true", {"ok": False}),
        ("text exists", {"text": None, "seed": 5}),
        ("text exists", {"seed": 5}),
        ("status = IN_QUEUE", {"output": "COMPLETED"}),
    ],
)
def test_a_condition_that_is_not_met_fails(condition, output):
    assert judged(condition, output) == "success_when_unmet"


def test_no_rule_for_shapes_blames_what_the_author_calls_good():
    output = {"status": "COMPLETED", "errors": ["cuda is gone"], "image": None}
    assert judge_output(output).code == "nested_error"
    assert judge_output(output, Asked(success_when=read_condition("status = COMPLETED"))) is PASSED
    assert judge_output(output, Asked(has_expected=True, expected=output)) is PASSED


def test_an_error_says_more_than_that_a_condition_is_not_met():
    condition = read_condition("image exists")
    assert judge_output({"status": "failed", "reason": "no GPU"}, Asked(success_when=condition)).code == "nested_error"


def test_both_words_of_an_author_must_hold():
    condition = read_condition("n = 1")
    assert judge_output({"n": 1}, Asked(has_expected=True, expected={"n": 1}, success_when=condition)) is PASSED
    verdict = judge_output({"n": 2}, Asked(has_expected=True, expected={"n": 2}, success_when=condition))
    assert verdict.code == "success_when_unmet"
    assert verdict.reason == "output is not as success_when asks (n = 1): 2 stands there"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at its end: a path belongs here"),
        ("status", "at its end: `= value` or `exists` belongs here"),
        ("= 3", "at character 1: a path"),
        ("status == ok", "at character 8"),
        ("status > 3", "at character 8"),
        ("status =", "at its end: a value belongs here"),
        ("a. = 1", "at character 3: a name belongs behind the dot"),
        ("a[x] = 1", "at character 2: a number or a name in quotes"),
        ("a exists now", "at character 3"),
        ("a b = 1", "at character 3"),
        ("aexists", "at its end"),
        ('a["\\x"] exists', "at character 2: this is no text"),
        ("a" * 501, "has 501 characters"),
    ],
)
def test_a_bad_condition_is_refused_with_its_place(text, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        read_condition(text)


def test_an_instance_refuses_a_spec_with_a_bad_condition():
    with pytest.raises(ValueError, match="success_when: at character 8"):
        RepositorySpec.read(
            {**IDENTITY, "ref": None, "dockerfile": None, "build_args": {}, "env": {}, "success_when": "status == ok"},
            Place("", ValueError),
        )
    assert RepositorySpec(**IDENTITY, success_when="a exists").condition == read_condition("a exists")
    assert RepositorySpec(**IDENTITY).condition is None
