"""What a log shows of a job that was answered well: what is worth a note, what is a fault, and what is neither."""

from __future__ import annotations

from typing import Any

import pytest

from janitor.diagnosis.handler.verdict import PASSED
from janitor.diagnosis.real_path.logged_errors import (
    during_the_job,
    judged_with_log,
    logged_errors,
    shows_nothing,
)
from janitor.protocol.terms.reason_codes import ReasonCode

_RAISED = 'Traceback (most recent call last):\n  File "/app/handler.py", line 3, in run\n    load()\n'
TRACEBACK = f"ERROR:root:inference failed\n{_RAISED}FileNotFoundError: [Errno 2] No such file: '/app/model.bin'\n"
BARE = "handler.py          :11   2026-01-02 12:25:29,243 "
"""Before a line of the root logger, once the SDK is imported."""
PREFIX = "--- Starting Serverless Worker |  Version 1.7.7 ---\n"
STARTED = "INFO   | local_test | Started.\n"


@pytest.mark.parametrize(
    ("log", "texts"),
    [
        (TRACEBACK, ["FileNotFoundError: [Errno 2] No such file: '/app/model.bin'", "ERROR:root:inference failed"]),
        (f"  warming up\n{_RAISED}torch.cuda.OutOfMemoryError: CUDA\n", ["torch.cuda.OutOfMemoryError: CUDA"]),
        ("sh: 1: ffmpeg: not found\n", ["sh: 1: ffmpeg: not found"]),
        ("/bin/bash: line 1: nvidia-smi: command not found\n", ["/bin/bash: line 1: nvidia-smi: command not found"]),
        ("python3: can't open file '/app/run.py'\n", ["python3: can't open file '/app/run.py'"]),
        (
            "ffmpeg: error while loading shared libraries: libx.so.1: cannot open\n",
            ["ffmpeg: error while loading shared libraries: libx.so.1: cannot open"],
        ),
        ("CRITICAL worker: no weights\nCRITICAL worker: no weights\n", ["CRITICAL worker: no weights"]),
        ("ERROR:root:could not load the tokenizer\n", ["ERROR:root:could not load the tokenizer"]),
        ("ERROR:worker.model:no weights\n", ["ERROR:worker.model:no weights"]),
        (
            f"{BARE}could not load the tokenizer\n",
            ["handler.py :11 2026-01-02 12:25:29,243 could not load the tokenizer"],
        ),
        (f"{BARE}Error: no weights\n", ["handler.py :11 2026-01-02 12:25:29,243 Error: no weights"]),
        # What may have any level, and tells of nothing that failed or of how it goes on.
        (f"{BARE}loaded; 3 of 4 could not be used\n{BARE}error rate 0.1\n{BARE}errors: 0\n", []),
        (f"{BARE}could not find a cached model, downloading it\n{BARE}failed to connect, retrying in 1 s\n", []),
        ("could not load the tokenizer\n", []),
        # What says so and means nothing.
        ("0 errors, error_rate=0\nLOG_LEVEL=ERROR\nfinished without ERRORS\n", []),
        ("ERROR  | a | Failed to return job results. | JOB_DONE_URL&isStream=false\n", []),
        ("DEBUG  | a | Handler output: {'text': 'ERROR: x'}\nDEBUG  | a | run_job return: {}\n", []),
        ("step not found in cache\nmodel: not found in index, using default\n", []),
        ("", []),
    ],
)
def test_what_is_told(log: str, texts: list[str]) -> None:
    assert [error.text for error in logged_errors(log)] == texts


def test_what_the_answer_says_itself_is_no_trouble() -> None:
    body = '{"output": ["Traceback (most recent call last):\\n  File \\"a\\"\\nValueError: \\"x\\""]}'
    log = 'DEBUG  | a | Generator output: Traceback (most recent call last):\n  File "a"\nValueError: "x"\n'
    assert logged_errors(log, body) == []


@pytest.mark.parametrize(
    ("log", "window"),
    [
        (f"{PREFIX}before\n{STARTED}during\nINFO   | Local testing complete, exiting.\nafter\n", "during"),
        (f"{PREFIX}before\nDEBUG  | a | Using Standard Generator\nduring\n", "during"),
        (f'{PREFIX}before\n{{"requestId": "a", "message": "Started.", "level": "INFO"}}\nduring\n', "during"),
        (f"before\n{PREFIX}", ""),
    ],
)
def test_the_job_begins_where_the_sdk_says_so(log: str, window: str) -> None:
    found = during_the_job(log)
    assert window in found
    assert "before" not in found
    assert "after" not in found


@pytest.mark.parametrize(
    "output",
    [
        None,
        "",
        [],
        {},
        {"status": "ok", "image": None},
        {"success": True, "result": {"image": None, "seed": 7}},
        {"images": [], "count": 0, "took_ms": 12.5},
        {"images": [None, None], "job_id": "a-1"},
        [{"status": "done", "text": "  "}],
    ],
)
def test_nothing_to_show(output: Any) -> None:
    assert shows_nothing(output)


@pytest.mark.parametrize(
    "output",
    [
        {"image": "iVBOR"},
        {"ok": True},
        {"status": "ok"},
        {"text": "", "language": "en"},
        {"found": False, "boxes": []},
        {"score": 0.0, "label": None},
        0,
        False,
        "none",
        [1, None],
    ],
)
def test_something_to_show(output: Any) -> None:
    assert not shows_nothing(output)


def test_a_traceback_in_place_of_the_answer_is_the_fault() -> None:
    verdict = judged_with_log(PASSED, logged_errors(TRACEBACK), {"status": "ok", "image": None}, is_settled=False)
    assert verdict.code == ReasonCode.SWALLOWED_ERROR
    assert "FileNotFoundError" in (verdict.reason or "")


@pytest.mark.parametrize(
    ("log", "output", "is_settled"),
    [
        (TRACEBACK, {"image": "iVBOR"}, False),
        # The author says that this is the answer.
        (TRACEBACK, {"image": None}, True),
        # It was tried again.
        (TRACEBACK.replace("inference failed", "attempt 1 of 3 failed, retrying"), {"boxes": []}, False),
        # A line alone, and nothing that had to be there.
        ("ERROR: pip's dependency resolver does not currently take into account\n", {"boxes": []}, False),
    ],
)
def test_whatever_else_is_worth_a_note_and_no_more(log: str, output: Any, is_settled: bool) -> None:
    verdict = judged_with_log(PASSED, logged_errors(log), output, is_settled=is_settled)
    assert verdict.passes
    assert {remark.code for remark in verdict.remarks} <= {ReasonCode.TRACEBACK_LOGGED, ReasonCode.ERRORS_LOGGED}
    assert verdict.remarks


def test_an_error_line_and_a_null_are_the_fault() -> None:
    verdict = judged_with_log(PASSED, logged_errors("ERROR no weights\n"), {"image": None}, is_settled=False)
    assert verdict.code == ReasonCode.SWALLOWED_ERROR


def test_a_line_of_unknown_level_is_a_note_and_never_the_fault() -> None:
    errors = logged_errors(f"{BARE}could not load the tokenizer\n")
    verdict = judged_with_log(PASSED, errors, {"image": None}, is_settled=False)
    assert verdict.passes
    assert [remark.code for remark in verdict.remarks] == [ReasonCode.ERRORS_LOGGED]


def test_a_log_without_trouble_changes_nothing() -> None:
    assert judged_with_log(PASSED, [], {"image": None}, is_settled=False) is PASSED
