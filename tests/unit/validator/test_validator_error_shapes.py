"""How workers say that a job failed, and what only looks like it."""

from __future__ import annotations

import json
import warnings

import pytest

from janitor.diagnosis.handler.made_plain import made_plain
from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.text_documents import document_in
from janitor.diagnosis.handler.verdict import PASSED
from tests.support.cpu_time import cpu_time_below

OPENAI = {"object": "error", "message": "no model", "type": "NotFoundError", "code": 404}


@pytest.mark.parametrize(
    "output",
    [
        {"success": False, "message": "boom"},
        {"Error": "boom", "error": None},
        {"Success": False, "success": True},
        {"success": False},
        [{"succeeded": False}],
        {"status": "timeout", "id": 1},
        {"status": "timed_out"},
        {"state": "FAILED"},
        {"status": "worker_error"},
        {"status": 500, "message": "boom"},
        {"statusCode": 422, "body": "{}"},
        [{"text": "a"}, {"status_code": 404}],
        ({"error": "boom"}, 500),
        {"exception": "KeyError('a')"},
        {"ok": 1, "error_details": ["boom"]},
        OPENAI,
        [[{"text": "a"}], [OPENAI]],
        {"type": "error", "message": "boom"},
        {"response": OPENAI},
        {"results": [{"status": "ok"}, {"status": "error", "message": "boom"}]},
        {"results": [{"success": False, "reason": "boom"}]},
        json.dumps({"status": "failed"}),
        {"body": json.dumps({"success": False, "detail": "boom"})},
        "Traceback (most recent call last):\n  File 'a'\nKeyError: 'a'\n",
        ["a", "Traceback (most recent call last):\n  File 'a'\nKeyError: 'a'\n"],
        'data: {"error": {"message": "boom"}}\n\n',
        ['data: {"text": "a"}\n\n', 'data: {"error": "boom"}\n\ndata: [DONE]\n\n'],
        'event: error\ndata: {"message": "boom"}\n\n',
        "event: error\ndata: boom\n\n",
        '{"text": "a"}\n{"error": "boom"}\n',
        {"err": "boom", "output": None},
        {"failed": True, "reason": "boom"},
        {"success": "false"},
        {"code": 500, "message": "boom"},
        {"detail": "Internal Server Error"},
        {"response": {"detail": "Not Found"}},
        {"detail": [{"loc": ["body", "a"], "msg": "field required", "type": "missing"}]},
        {"output": {"status": "failed"}, "error": None},
        {"output": "Traceback (most recent call last):\n  File 'a'\nKeyError: 'a'\n"},
        ['{"err', 'or": "boom"}'],
        ["Er", "ror: ", "boom"],
        ["", "Error: boom"],
        [{"result": "Error: boom"}],
        "Error processing the request: boom",
        "❌ An unexpected error occurred.",
        "Failed to load the model: boom",
        "torch.OutOfMemoryError: boom",
        "ValueError('boom')",
        "500 Internal Server Error",
        "<html>\r\n<head><title>502 Bad Gateway</title></head>",
        "<!doctype html>\n<html lang=en>\n<title>Internal Server Error</title>",
        '\n {"error": "boom"}\n',
        str({"error": "boom", "images": None}),
        json.dumps(json.dumps({"error": "boom"})),
        {"status": "error: boom"},
        {"status": "Failed to load the model because it is nowhere to be found in the image"},
        {"error_code": 3, "message": "boom"},
        {"error_code": "E_MODEL", "msg": "boom"},
    ],
)
def test_error_in_a_workers_own_words(output):
    assert judge_output(output).code == "nested_error"


@pytest.mark.parametrize(
    "output",
    [
        {"success": True, "status": "success"},
        {"success": 0, "status": 200, "statusCode": 204},
        {"status": "no_error"},
        {"status": "error-free delivery of " + "x" * 40},
        {"state": "cancelled"},
        {"status": True, "status_code": True},
        {"type": "error"},
        {"object": "error"},
        {"object": "chat.completion", "message": "error"},
        {"ok": False, "valid": False},
        {"jobs": [{"status": "failed"}, {"success": False}]},
        {"jobs": [{"status": 500, "message": "of another"}]},
        {"exception": "", "error_details": {}, "traceback": None},
        {"text": "Traceback (most recent call last):\n  File 'a'\n"},
        "A Traceback (most recent call last):\n",
        "data: a\nis no event",
        'data: {"error": null}\n\n',
        'data: {"text": "error"}\n\nevent: done\ndata:\n\n: a comment\n\n',
        'prose\n{"error": "an example"}\n',
        '{"error": "an example"}\nprose',
        "::: a heading :::",
        {"error": "None", "faces": [{"error": "no error"}]},
        {"error_message": "None", "errors": ["none"]},
        {"code": 404, "pages": 1},
        {"code": "print(1)", "message": "a program"},
        {"failed": 2, "message": "of many"},
        {"is_error": False, "message": "fine"},
        {"detail": "a cat on a mat"},
        {"detail": "Conflict"},
        {"items": [{"detail": "Not Found"}]},
        {"text": "Error: what is read in a picture"},
        {"output": "Error: boom", "model": "which says more than that"},
        ["a program prints ", "Error: ", "boom"],
        "Errors should never pass silently: unless explicitly silenced",
        "Error handling in Python: try and except",
        "TypeError is raised where a type is wrong: an example",
        "Failed to agree, they left",
        "Error: " + "which a long text is about " * 50,
        {"result": []},
        {"status": "error-free", "state": "failed over"},
        {"error_code": 0, "message": "success"},
        {"error_code": 3},
        "<html><head><title>Errors, and how to handle them</title></head>",
        "{'error': 'boom', ...}",
        '"an error"',
    ],
)
def test_what_only_looks_like_an_error(output):
    assert judge_output(output) is PASSED


def test_documents_in_a_text():
    assert document_in('{"a": 1}') == {"a": 1}
    assert document_in('{"a": 1}\n\n[2]\n') == [{"a": 1}, [2]]
    assert document_in('id: 1\ndata: {"a": 1}\n\ndata: x\n') == [{"a": 1}, "x"]
    assert document_in("event: error\ndata: x\n\ndata: y") == [{"error": "x"}, "y"]
    assert document_in(" {'a': None}\n") == {"a": None}
    assert document_in('"a"') == "a"
    for text in ("", "a", "{a}", "[a]\n[b]", "[" * 5_000, "data x", '{"a": "' + "x" * 1_000_000 + '"}'):
        assert document_in(text) is None


@pytest.mark.parametrize(
    "text", ['{{"a": 1}}', "{[]: 1}", "[{1, 2}, {}]", "[" * 199 + "]" * 199, "[" + "-" * 15_000 + "1]"]
)
def test_a_text_that_is_nearly_python_is_a_text(text: str):
    assert judge_output(text) is PASSED
    assert judge_output({"answer": text}) is PASSED


def test_a_printed_text_with_a_stray_backslash_warns_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert document_in("{'a': '\\d'}") == {"a": "\\d"}


def test_many_members_cost_little():
    # CPU time: what a busy machine adds is no cost of the judge's.
    with cpu_time_below(10):
        assert judge_output({f"name{number}": {"status": "ok"} for number in range(200_000)}) is PASSED


@pytest.mark.parametrize(
    ("printed", "answered"),
    [
        ("{'output': Result(text='a', n=1)}", {"output": {"text": "a", "n": 1}}),
        ("{'output': {'results': [1, Result(text='a')]}}", {"output": {"results": [1, {"text": "a"}]}}),
        ("{'output': ValueError('boom')}", {"output": {}}),
        ("{'output': (namespace(a=1), 2)}", {"output": [{"a": 1}, 2]}),
        ("{'output': pkg.Result(box=Box(x=1, y=2))}", {"output": {"box": [1, 2]}}),
        ("Chunk(text='a')", {"text": "a"}),
        ("text='a b' n=1", {"text": "a b", "n": 1}),
    ],
)
def test_object_that_became_plain(printed, answered):
    assert made_plain(printed, answered) is not None


@pytest.mark.parametrize(
    ("printed", "answered"),
    [
        ("{'output': Box(x=1, y=2)}", {"output": [1, 2]}),
        ("{'output': Box(x=1, y=2), 'seen': {'x': 1, 'y': 2}}", {"output": [1, 2], "seen": {"x": 1, "y": 2}}),
        ("{'output': Counter({'a': 1})}", {"output": {"a": 1}}),
        ("{'output': Counter()}", {"output": {}}),
        ("{'output': OrderedDict([('a', 1)])}", {"output": {"a": 1}}),
        ("{'output': defaultdict(<class 'int'>, {'a': 1})}", {"output": {"a": 1}}),
        ("{'output': \"Result(text='a')\"}", {"output": "Result(text='a')"}),
        ("Result(text='a')", "Result(text='a')"),
        ("text='a' n=1", "text='a' n=1"),
        ("{'output': {'a': nan, 1: 'b'}}", {"output": {"a": None, "1": "b"}}),
        ("{'output': {'a': Result(te", {"output": {"a": {"text": "a"}}}),
        ("(" * 5_000, {"a": 1}),
        ("{'output': 1}" + " " * 30_000, {"output": {}}),
        ("", {}),
    ],
)
def test_what_is_sent_as_it_is(printed, answered):
    assert made_plain(printed, answered) is None
