"""Answers as a whole: those that were chosen to fool the judge, and those that were chosen to look bad."""

from __future__ import annotations

import json

import pytest

from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.output_rules.author import Asked
from janitor.diagnosis.handler.verdict import PASSED

TRACEBACK = 'Traceback (most recent call last):\n  File "/app/a.py", line 1, in <module>\nImportError: no codec\n'
FOOLING = [
    {"frame": "<numpy.ndarray object at 0x7f7e1c0a3d30>", "seed": 4},
    {"text": "<engine.outputs.Answer object at 0x7f7e1c0a3d30>"},
    {"value": "<bound method Model.run of <__main__.Model object at 0x7f7e1c0a3d30>>"},
    {"value": "<Future at 0x7f7e1c0a3d30 state=pending>"},
    {"value": "<Future pending cb=[_chain_future()]>"},
    {"value": "<_io.BufferedReader name='a.wav'>"},
    {"value": "[<Tensor object at 0x7f7e1c0a3d30>]"},
    {"value": "Reply(text='a', image=<Picture object at 0x7f7e1c0a3d30>)"},
    {"value": "array([1., 2.], dtype=float32)"},
    {"value": "tensor([[0.1]], grad_fn=<AddBackward0>)"},
    "'NoneType' object has no attribute 'generate'",
    "forward() missing 1 required positional argument: 'mask'",
    "libcudnn.so.8: cannot open shared object file: No such file or directory",
    "name 'pipe' is not defined",
    "float division by zero",
    {"response": "Error(s) in loading state_dict for UNet: size mismatch"},
    {"results": ["CUDA error: device-side assert triggered"]},
    [None, "CUDA out of memory"],
    {"reason": "KeyError: 'x'"},
    {"status": 200, "message": "Error: out of memory"},
    {"images": [], "success": True, "details": "[Errno 111] Connection refused"},
    {"exit_code": 1, "output": "", "error_output": TRACEBACK},
    {"rc": 1, "stderr": "Segmentation fault (core dumped)"},
    {"returncode": -11},
    {"outputs": [{"finish_reason": "abort", "text": ""}]},
    {"choices": [{"delta": {}, "finish_reason": "error"}]},
    {"vectors": None},
    [{}, {}],
    {"data": {}},
    {"outputs": {}, "status": {"status_str": "error", "completed": False}},
    {"outputs": {}, "node_errors": {"5": {"errors": [{"type": "value_not_in_list", "message": "is not in list"}]}}},
    {"status": "FAILED_PRECONDITION"},
    {"job": {"status": "failed", "message": "no weights"}},
    json.dumps({"audio": None}),
]
GOOD = [
    {"links": [{"url": "https://a.example", "status": 404}, {"url": "https://b.example", "status": 200}]},
    {"links": [{"url": "https://a.example", "status": "error", "reason": "timeout"}]},
    {"tests": [{"name": "adds", "status": "failed", "message": "1 != 2"}], "passed": 3, "failed": 1},
    {"issues": [{"severity": "error", "message": "x is not defined", "line": 4}]},
    {"errors": [{"code": "E501", "message": "line too long", "row": 1, "col": 80}], "warnings": []},
    {"errors": [{"message": "Possible typo", "context": "teh", "replacements": ["the"]}]},
    {"metrics": {"error": 3, "accuracy": 0.9}},
    {"fit": {"error": [1, 2, 0]}},
    {"wer": 0.25, "scores": {"error": {"substitutions": 2, "deletions": 1}}},
    {"errcode": 0, "errmsg": "ok", "n": 3},
    {"code": "00", "message": "approved"},
    {"error_code": "0000", "message": "Success"},
    {"error_details": "No errors found.", "n": 1},
    {"text": "Error: disk full", "confidence": 0.9},
    {"label": "error", "score": 0.98},
    {"classification": "failed", "reason": "a scratch"},
    {"result": "<b>bold</b>"},
    "<Response><Say>Hello</Say></Response>",
    {"html": "<p>The fault lies at 0x7fff1234</p>"},
    {"answer": "A generator prints as <generator object f at 0x7f3a1c2b3d90>."},
    {"matches": []},
    {"detections": [], "count": 0},
    {"is_error": False, "n": 1},
    {"pods": [{"name": "a", "state": "Error", "reason": "CrashLoopBackOff"}]},
    {"hosts": {"a.example": {"status": 500, "message": "Internal Server Error"}}},
    {"messages": [{"role": "user", "content": "Error: what is it?"}]},
]
DOUBTFUL = [
    {"url": "https://a.example", "status": "error", "message": "Connection refused"},
    {"http_status": 404, "uri": "https://a.example"},
    {"name": "face", "success": False, "message": "none"},
    {"items": [{"sku": "1", "status": "error", "message": "out of stock"}]},
    {"rows": [{"error": "disk full", "n": 3}], "sql": "SELECT error, n FROM log"},
    {"valid": False, "errors": [{"field": "email", "message": "is required"}]},
    {"compile": {"exit_code": 1, "stderr": "a.c:3: error: expected ';'"}},
    {"log": TRACEBACK, "images": []},
    {"a": {"b": {"c": None}}},
    {"data": [{"index": 0, "embedding": None}], "model": "m"},
    "usage: infer.py [-h] --model MODEL\ninfer.py: error: the following arguments are required: --model",
    {"audio": "UklGRiQAAABXQVZFZm10IBAAAAABAAEAIlYAAESsAAACABAAZGF0YQAAAAA=", "rate": 22050},
    {"status": "ok", "image": None},
    {"images": [], "error": ""},
    {"value": "RequestOutput(request_id=0, prompt='a')"},
    "Model 'tiny' not found",
]


@pytest.mark.parametrize("output", FOOLING, ids=str)
def test_bad_answer_fails(output):
    verdict = judge_output(output)
    assert not verdict.passes
    assert (verdict.reason or "").endswith(f"(rule {verdict.rule})")


@pytest.mark.parametrize("output", GOOD, ids=str)
def test_good_answer_passes_without_a_note(output):
    assert judge_output(output) is PASSED


@pytest.mark.parametrize("output", DOUBTFUL, ids=str)
def test_doubtful_answer_passes_with_a_note(output):
    verdict = judge_output(output)
    assert verdict.passes
    assert verdict.remarks


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ({"text": "Error: paper jam"}, "Error: paper jam"),
        ({"text": "The sign says: ERROR — paper jam, tray 2."}, {"result": "Error: paper jam tray 2"}),
        ({"record": {"status": "failed", "reason": "late"}}, {"status": "failed", "reason": "late"}),
        (
            {"record": {"status": "failed", "reason": "late"}},
            {"body": json.dumps({"status": "failed", "reason": "late"})},
        ),
        ({"log": TRACEBACK}, TRACEBACK),
        ({"errors": ["boom"]}, {"seen": {"errors": ["boom"]}}),
        ({"code": "print(1 / 0)"}, {"exit_code": 1, "stderr": TRACEBACK}),
        ({"choices": [{"finish_reason": "abort"}]}, [{"finish_reason": "abort"}, {"n": 1}]),
    ],
    ids=str,
)
def test_what_the_input_holds_is_not_blamed(given, output):
    assert not judge_output(output).passes
    assert judge_output(output, Asked(given=given)).passes


def test_neither_depth_nor_length_is_an_obstacle():
    deep: dict = {"status": "failed", "url": "https://a.example"}
    for _ in range(3_000):
        deep = {"status": "failed", "url": "https://a.example", "child": deep}
    copy: dict = {"status": "failed", "url": "https://a.example"}
    for _ in range(3_000):
        copy = {"status": "failed", "url": "https://a.example", "child": copy}
    assert judge_output(deep, Asked(given={"record": copy})).passes
    many = [{"url": f"https://{number}.example", "status": 404} for number in range(20_000)]
    assert len(judge_output(many).remarks) == 1


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ({"prompt": "a cat"}, {"message": "KeyError: 'prompt'"}),
        ({"prompt": "Error"}, "Error: no weights"),
        ({"prompt": "a cat (sitting)"}, {"exit_code": 1, "stderr": TRACEBACK}),
        ({"status": "failed"}, {"status": "failed", "message": "no weights"}),
        ("failed", {"status": "failed"}),
    ],
    ids=str,
)
def test_a_word_in_common_with_the_input_excuses_nothing(given, output):
    assert not judge_output(output, Asked(given=given)).passes
