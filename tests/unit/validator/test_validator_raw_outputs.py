"""What handlers returned, as the SDK logs it while it serves the API."""

from __future__ import annotations

import json

import pytest

from janitor.diagnosis.handler.raw_outputs import (
    judge_raw_outputs,
    judge_unanswered,
    returned_nothing,
    shows_returns,
    tells_of_jobs,
)
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import PASSED
from tests.unit.validator.test_validator_log_judge import as_json_lines


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


def yielded(text: str, kind: str = "Generator output") -> str:
    return f"DEBUG  | test-1 | {kind}: {text}"


def answered(*outputs: object) -> bytes:
    return json.dumps({"id": "test-1", "status": "COMPLETED", "output": outputs}).encode()


TEXTS = [
    "",
    " ",
    "...",
    "for i in range(10):",
    "Use tensor (rank 2)",
    "{1, 2}",
    'plan b "x"',
    "<class 'int'> is the type",
    "b'x'",
    "array([1, 2])",
    "<generator object f at 0x7f00>",
    "it yields <generator object f at 0x7f00>",
    "{1, 2}\nand a second line",
    "{1, 2}\u2028and a second line",
    "a | run_job return: {'output': b'x'}",
    "see\nDEBUG  | test-1 | Generator output: b'x'",
    "[batchId=1] x [batchId=2] {1, 2}",
    "set {1, 2} " + "x" * 5_000 + "...",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("others", [(), ({"n": 1},), ("b", ""), ("{1",)], ids=["alone", "object", "texts", "text"])
@pytest.mark.parametrize("kind", ["Generator output", "Async Generator output"])
@pytest.mark.parametrize("form", [str, "JSON lines"], ids=["plain", "JSON lines"])
def test_no_yielded_text_fails_whatever_it_says(form, kind, others, text):
    said = f"{text[:2_048]}\n...TRUNCATED 900 CHARACTERS...\n{text[-2_048:]}" if len(text) > 4_096 else text
    if form is str:
        lines = yielded(said, kind)
    else:
        lines = json.dumps({"requestId": "test-1", "message": f"{kind}: {said}", "level": "DEBUG"})
    log = read_sdk_log(served(lines, *(yielded(str(other), kind) for other in others)))
    assert judge_raw_outputs(log, [answered("first"), answered(text, *others)]) is PASSED


def test_yielded_text_whose_line_another_thread_broke_into_passes():
    log = read_sdk_log(served(yielded("for i in range(10):Setting `pad_token_id`")))
    assert judge_raw_outputs(log, [answered("for i in range(10):", "b")]) is PASSED


@pytest.mark.parametrize(
    ("line", "outputs", "code"),
    [
        ("b'x'", ("x",), "output_not_json"),
        ("b'x'", ("text", {"n": 1}, "x"), "output_not_json"),
        ("{1, 2}", ([1, 2],), "output_not_json"),
        ("{1, 2}", ("text", [1, 2]), "output_not_json"),
        ("{'made': datetime.date(2026, 1, 1)}", ({"made": "2026-01-01"},), "output_not_json"),
        ("{'n': <generator object f at 0x7f00>}", ({"n": [1]},), "unfinished_object"),
        ("{'output': <generator object f at 0x7f00>}", ({"output": [1]},), "unfinished_object"),
    ],
)
def test_what_was_yielded_and_is_no_json_fails_beside_its_answer(line, outputs, code):
    for form in (str, as_json_lines):
        log = read_sdk_log(form(served(yielded("text"), yielded(line))))
        assert judge_raw_outputs(log, [answered(*outputs)]).code == code


@pytest.mark.parametrize("text", ["a\nDEBUG  | test-1 | run_job return: {'output': b'x'}", "run_job return: b'x'"])
def test_no_returned_text_fails_whatever_it_says(text):
    said = f"DEBUG  | test-1 | Handler output: {text}"
    log = read_sdk_log(served(said, f"DEBUG  | test-1 | run_job return: {{'output': {text!r}}}"))
    body = json.dumps({"status": "COMPLETED", "output": text}).encode()
    assert judge_raw_outputs(log, [body]) is PASSED


def test_text_that_was_yielded_before_an_exception_is_not_its_cause():
    raised = served(yielded("..."), "ERROR  | test-1 | boom", "INFO   | test-1 | Finished running generator.")
    for log in (raised, raised.replace("ERROR", "50%ERROR"), as_json_lines(raised)):
        assert judge_unanswered(read_sdk_log(log)) is PASSED
    unsent = served(yielded("array([1, 2])"), "INFO   | test-1 | Finished running generator.")
    assert judge_unanswered(read_sdk_log(unsent)).code == "output_not_json"


@pytest.mark.parametrize(
    "result",
    [
        "{'counts': defaultdict(<class 'int'>, {'cat': 3})}",
        "{'counts': defaultdict(<function <lambda> at 0x7f00>, {'cat': defaultdict(<class 'list'>, {'a': [1]})})}",
        "{'counts': defaultdict(functools.partial(<class 'dict'>, <class 'int'>), {}), 'n': 1}",
        "{'counts': defaultdict(<bound method A.f of <__main__.A object at 0x7f00>>, {'n': 1})}",
        "{'counts': defaultdict(None, {'n': 1})}",
    ],
)
def test_what_makes_the_missing_values_of_a_defaultdict_is_not_sent(result):
    assert judge_raw_outputs(read_sdk_log(served(returned(f"{{'output': {result}}}")))) is PASSED
    for bad in ("<class 'int'>", "{'x': array([1])}", "{'x': b'x'}"):
        inside = result.replace("{'cat'", f"{{'bad': {bad}, 'cat'").replace("'n': 1", f"'n': {bad}")
        assert judge_raw_outputs(read_sdk_log(served(returned(f"{{'output': {inside}}}")))).code == "output_not_json"


def test_nothing_returned_is_told_from_nothing_said():
    assert returned_nothing(read_sdk_log(served(returned("{}"))))
    assert not returned_nothing(read_sdk_log(served(returned("{'output': None}"))))
    assert not returned_nothing(read_sdk_log(served()))
    assert shows_returns(read_sdk_log(served(returned("{}"))))
    assert not shows_returns(read_sdk_log(served("DEBUG  | test-1 | Using Standard Generator")))


def completed(output: object) -> bytes:
    return json.dumps({"id": "x", "status": "COMPLETED", "output": output}).encode()


def test_object_of_which_the_api_made_plain_json():
    log = read_sdk_log(served(returned("{'output': 1}"), returned("{'output': Result(text='a')}", "test-2")))
    assert judge_raw_outputs(log, [completed(1), completed({"text": "a"})]).code == "output_not_json"
    assert judge_raw_outputs(log, [completed(1), completed(["a"])]) is PASSED
    # Without an answer for every line none can be told from another.
    assert judge_raw_outputs(log, [completed({"text": "a"})]) is PASSED


def test_objects_that_a_generator_yields():
    lines = ["DEBUG  | test-1 | Generator output: {'text': 'a'}", "DEBUG  | test-1 | Generator output: text='b'"]
    log = read_sdk_log(served(*lines))
    assert judge_raw_outputs(log, [completed([{"text": "a"}, {"text": "b"}])]).code == "output_not_json"
    assert judge_raw_outputs(log, [completed([{"text": "a"}, "text='b'"])]) is PASSED
    assert judge_raw_outputs(log, [completed([{"text": "b"}])]) is PASSED


BOOT = "INFO   | Starting API server.\nDEBUG  | Not deployed on Runpod serverless, pings will not be sent."
STARTED = "INFO   | {0} | Started."
RETURNED = "DEBUG  | {0} | run_job return: {{'output': 1}}"
GENERATED = "INFO   | {0} | Finished running generator."


@pytest.mark.parametrize(
    ("lines", "jobs", "expected"),
    [
        ((BOOT,), 1, False),
        ((BOOT, STARTED.format("a")), 1, False),  # its end is still on its way
        ((BOOT, STARTED.format("a"), RETURNED.format("a")), 1, True),
        ((BOOT, STARTED.format("a"), GENERATED.format("a")), 1, True),
        ((BOOT, STARTED.format("a"), RETURNED.format("a"), STARTED.format("b")), 2, False),
        ((BOOT, STARTED.format("a"), RETURNED.format("a"), STARTED.format("b"), GENERATED.format("b")), 2, True),
        (("INFO   | Starting API server.",), 1, False),  # a level that hides the ends, not the beginnings
        (("INFO   | Starting API server.", STARTED.format("a")), 1, True),
        (("a worker whose SDK is told to say nothing",), 1, True),
    ],
)
def test_log_has_come_as_far_as_the_jobs_that_were_answered(lines, jobs, expected):
    assert tells_of_jobs(read_sdk_log("\n".join(lines)), jobs) is expected
