"""Handlers that don't work, most of which end with exit code 0; and those that nothing tests."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, skips
from tests.corpus.workers import NO_TEST_INPUT, case, cases_json, handler, hub, only_api

C, R = CheckName, ReportStatus
LOCAL, API, SCAN, BAD = C.HANDLER_LOCAL, C.HANDLER_API, C.LOG_SCAN, C.NEGATIVE_INPUT
ASYNC = "async def handler(job):"

FAILING = (
    Case(
        name="raises",
        holds="a handler that raises",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"), skips(API, "prerequisite_failed"), skips(BAD, "handler_not_passed")),
        files={"handler.py": handler('raise RuntimeError("boom")')},
    ),
    Case(
        name="error_key",
        holds="a top-level error",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_error"),),
        files={"handler.py": handler('return {"error": "no weights"}')},
    ),
    Case(
        name="generator_raises",
        holds="FALSE PASS, exit 0: a generator that raises is never iterated",
        truth=R.FAILED,
        expected=(fails(API, "handler_raised"),),
        files={"handler.py": handler('yield job["input"]["missing"]')},
    ),
    Case(
        name="async_generator_raises",
        holds="FALSE PASS, exit 0: nor is an async generator",
        truth=R.FAILED,
        expected=(fails(API, "handler_raised"),),
        files={"handler.py": handler('yield job["input"]["missing"]', definition=ASYNC)},
    ),
    Case(
        name="nested_error",
        holds="FALSE PASS, exit 0: a nested error",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files={"handler.py": handler('return {"results": {"first": {"error": "no weights"}}}')},
    ),
    Case(
        name="list_with_an_error",
        holds="FALSE PASS, exit 0: a list that contains an error",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files={"handler.py": handler('return [{"ok": 1}, {"error": "no weights"}]')},
    ),
    Case(
        name="error_in_json_text",
        holds="FALSE PASS: an error in a text that is JSON",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files={"handler.py": handler('return {"body": json.dumps({"error": "no weights"})}', before="import json")},
    ),
    Case(
        name="returns_none",
        holds="FALSE PASS, exit 0: None",
        truth=R.FAILED,
        expected=(fails(LOCAL, "empty_output"),),
        files={"handler.py": handler("job.get('input')")},
    ),
    Case(
        name="returns_a_generator",
        holds="a plain handler that returns a generator, which the platform never iterates",
        truth=R.FAILED,
        expected=(fails(API, "generator_returned"),),
        files={"handler.py": handler("return (word for word in ['a', 'b'])")},
    ),
    Case(
        name="nobody_awaits",
        holds="an output that is a coroutine",
        truth=R.FAILED,
        expected=(fails(LOCAL, "unfinished_object"),),
        files={"handler.py": handler("return {'x': work()}", before="async def work():\n    return 1")},
    ),
    Case(
        name="ends_without_the_sdk",
        holds="exit 0 without having run anything",
        truth=R.FAILED,
        expected=(fails(LOCAL, "sdk_not_started"),),
        files={
            "handler.py": handler(
                "return {}",
                start='if job_wanted:\n    runpod.serverless.start({"handler": handler})',
                before="job_wanted = False",
            )
        },
    ),
    Case(
        name="exits_in_its_handler",
        holds="a handler that ends the process",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_exited"),),
        files={"handler.py": handler("os._exit(3)", before="import os")},
    ),
    Case(
        name="failed_with_http_200",
        holds="FALSE PASS: a raising plain handler gives HTTP 200 with status FAILED",
        truth=R.FAILED,
        expected=(fails(API, "handler_error"),),
        files=only_api(handler('raise RuntimeError("boom")')),
    ),
    Case(
        name="second_case_fails",
        holds="every case of tests.json is run",
        truth=R.FAILED,
        expected=(fails(API, "handler_error"),),
        files=only_api(
            handler('if job["input"]["text"] == "b":\n    return {"error": "no b"}\nreturn {"ok": 1}'),
            case("a"),
            case("b"),
        ),
    ),
    Case(
        name="too_slow_for_its_test",
        holds="an answer later than the case's own timeout",
        truth=R.FAILED,
        expected=(fails(API, "test_timeout"),),
        files=only_api(handler('time.sleep(8)\nreturn {"ok": 1}', before="import time"), case(timeout=1_500)),
    ),
    Case(
        name="expected_output_missed",
        holds="expectedOutput is compared",
        truth=R.FAILED,
        expected=(fails(API, "output_mismatch"),),
        files={".github/tests.json": '[{"input": {"text": "a b"}, "expectedOutput": {"words": 3}}]'},
    ),
    Case(
        name="error_beyond_the_cut",
        holds="an error behind the 4,096th character of the log",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files={
            "handler.py": handler('return {"text": "x" * 20_000, "last": {"error": "no weights"}, "y": "y" * 20_000}')
        },
    ),
    Case(
        name="import_fails",
        holds="a worker that never starts",
        truth=R.FAILED,
        expected=(fails(LOCAL, "start_failed"),),
        files={"handler.py": handler("return {'ok': 1}", before='raise RuntimeError("no model")')},
    ),
)

UNTESTED = (
    Case(
        name="nothing_to_test_with",
        holds="'passing' with no runs",
        truth=R.INCOMPLETE,
        expected=(skips(LOCAL, "no_test_input"), skips(API, "no_test_input"), skips(C.TEST_INPUT, "absent")),
        files={"test_input.json": None, "Dockerfile": NO_TEST_INPUT},
    ),
    Case(
        name="deactivated_tests_alone",
        holds="tests_deactivated.json is not run",
        truth=R.INCOMPLETE,
        expected=(skips(API, "no_test_input"), skips(C.TESTS_SCHEMA, "tests_deactivated")),
        files={
            "test_input.json": None,
            "Dockerfile": NO_TEST_INPUT,
            ".runpod/tests_deactivated.json": cases_json(case()),
        },
    ),
    Case(
        name="no_tests_in_the_file",
        holds="a tests.json without a test shows nothing",
        truth=R.INCOMPLETE,
        expected=(skips(API, "no_test_input"), skips(C.TESTS_SCHEMA, "tests_empty")),
        files={"test_input.json": None, "Dockerfile": NO_TEST_INPUT, ".runpod/tests.json": cases_json()},
    ),
    Case(
        name="load_balancer",
        holds="a load-balanced worker has no handler",
        truth=R.INCOMPLETE,
        expected=(skips(LOCAL, "load_balancer"), skips(C.PYTHON_STATIC, "load_balancer")),
        files={"handler.py": "print('serving')\n", ".runpod/hub.json": hub({"endpointType": "LB"})},
    ),
    Case(
        name="hangs",
        holds="a handler that never answers",
        truth=R.TIMED_OUT,
        expected=(errs(LOCAL, "deadline"), skips(API, "not_reached"), skips(SCAN, "not_reached")),
        files={"handler.py": handler("threading.Event().wait()", before="import threading")},
        spec={"seconds": 40, "grace_seconds": 10},
    ),
)
