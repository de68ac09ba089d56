"""Handlers that work, though the SDK's exit codes or log would make some of them look otherwise."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, notes, passes, skips
from tests.corpus.workers import COPY_ALL, DOCKERFILE, NO_TEST_INPUT, case, cases_json, handler, only_api

C, R = CheckName, ReportStatus
LOCAL, API, SCAN, BAD = C.HANDLER_LOCAL, C.HANDLER_API, C.LOG_SCAN, C.NEGATIVE_INPUT
ASYNC = "async def handler(job):"

WORKING = (
    Case(
        name="healthy",
        holds="a worker that works",
        truth=R.SUCCESS,
        expected=(
            passes(LOCAL),
            passes(BAD),
            passes(SCAN),
            passes(C.CLEANUP),
            passes(C.CHECKOUT),
            passes(C.BUILD),
            passes(C.HOST),
            passes(C.DEPS_RESOLVE),
            passes(API),
            skips(C.HUB_SCHEMA, "absent"),
            skips(C.AGENT_PROMPT, "agent_not_configured"),
        ),
    ),
    Case(
        name="no_tests_but_a_test_input",
        holds="a tests.json without a test, beside a test input",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), skips(C.TESTS_SCHEMA, "tests_empty"), passes(API)),
        files={".runpod/tests.json": cases_json()},
    ),
    Case(
        name="async",
        holds="an async handler is awaited",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={"handler.py": handler('return {"got": job["input"]["text"]}', definition=ASYNC)},
    ),
    Case(
        name="generator",
        holds="a generator is tested through the API",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "generator_needs_api")),
        files={"handler.py": handler('for word in job["input"]["text"].split():\n    yield word')},
    ),
    Case(
        name="async_generator",
        holds="an async generator is tested through the API",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "generator_needs_api")),
        files={"handler.py": handler('for word in job["input"]["text"].split():\n    yield word', definition=ASYNC)},
    ),
    Case(
        name="like_worker_basic",
        holds="no .runpod folder, no CI, no CUDA, and a test_input.json that is not copied in",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(C.TEST_INPUT), skips(C.CI_REFS, "absent"), skips(C.TESTS_SCHEMA, "absent")),
        files={"Dockerfile": NO_TEST_INPUT},
    ),
    Case(
        name="handler_in_src",
        holds="the entry point may be src/handler.py",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": None,
            "src/rp_handler.py": handler('return {"got": job["input"]["text"]}'),
            "Dockerfile": DOCKERFILE.replace("COPY handler.py test_input.json ./", "COPY src/ .").replace(
                "handler.py", "rp_handler.py"
            ),
        },
    ),
    Case(
        name="shell_form_and_start_script",
        holds="CMD in shell form and a start script",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(C.DOCKERFILE_PARSE)),
        files={
            "start.sh": "#!/bin/sh\nexport MODE=serverless\nexec python -u handler.py\n",
            "Dockerfile": COPY_ALL.replace('CMD ["python", "-u", "handler.py"]', "CMD sh start.sh"),
        },
    ),
    Case(
        name="tests_json_alone",
        holds="tests.json is run, though the SDK never reads it",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "no_test_input"), passes(C.TESTS_SCHEMA)),
        files=only_api(handler('return {"got": job["input"]["text"]}')),
    ),
    Case(
        name="env_of_tests_json",
        holds="the env of tests.json is essential",
        truth=R.SUCCESS,
        expected=(passes(API), passes(LOCAL)),
        files={
            "handler.py": handler('return {"model": MODEL}', before='import os\n\nMODEL = os.environ["MODEL_NAME"]'),
            ".runpod/tests.json": cases_json(case(), config={"env": [{"key": "MODEL_NAME", "value": "org/tiny"}]}),
        },
    ),
    Case(
        name="cold_start_longer_than_the_test",
        holds="a test's timeout shorter than the cold start: readiness has a clock of its own",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            handler('return {"got": job["input"]["text"]}', before="import time\n\ntime.sleep(4)"),
            case(timeout=2_000),
        ),
    ),
    Case(
        name="expected_output_met",
        holds="expectedOutput is compared",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files={".github/tests.json": '[{"input": {"text": "a b"}, "expectedOutput": {"words": 2}}]'},
    ),
    Case(
        name="errors_that_are_none",
        holds="`error: null` and a count of errors are no failure",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={"handler.py": handler('return {"error": None, "errors": 0, "text": job["input"]["text"]}')},
    ),
    Case(
        name="text_that_speaks_of_errors",
        holds="a text that speaks of errors is an output",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(SCAN)),
        files={
            "handler.py": handler(
                'return {"text": "ERROR: Traceback (most recent call last): CUDA error, <generator object x at 0x1>"}'
            )
        },
    ),
    Case(
        name="long_output",
        holds="log messages are cut at 4,096 characters: the API has the output",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "result_truncated")),
        files={"handler.py": handler('return {"text": "x" * 20_000}')},
    ),
    Case(
        name="json_log_lines",
        holds="with RUNPOD_ENDPOINT_ID set the SDK logs JSON lines",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        repository={"env": {"RUNPOD_ENDPOINT_ID": "abc123"}},
    ),
    Case(
        name="leaves_its_folder",
        holds="`test_input.json not found` is never a pass, and not the handler's failure either",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "test_input_not_found")),
        files={"handler.py": handler('return {"ok": True}', before='import os\n\nos.chdir("/")')},
    ),
    Case(
        name="errors_logged",
        holds="an ERROR line in the log of a worker that answers well is worth a note",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), notes(SCAN, "errors_logged")),
        files={"handler.py": handler('print("ERROR could not warm the cache")\nreturn {"ok": True}')},
    ),
    Case(
        name="harmless_error_lines",
        holds="lines that say ERROR and mean nothing",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(SCAN)),
        files={
            "handler.py": handler(
                'print("ERROR: Unable to register cuDNN factory: one is registered already")\n'
                'print("done: 0 ERRORS, error_rate=0")\nprint("LOG_LEVEL=ERROR")\nreturn {"ok": True}'
            )
        },
    ),
    Case(
        name="dies_of_bad_input",
        holds="bad input ends the worker: worth a note, and good input works",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), notes(BAD, "bad_input_unanswered")),
        files={
            "handler.py": handler(
                'if "text" not in job["input"]:\n    os._exit(3)\nreturn {"ok": True}', before="import os"
            )
        },
    ),
    Case(
        name="swallows_bad_input",
        holds="bad input is answered with nothing",
        truth=R.SUCCESS,
        expected=(passes(API), notes(BAD, "bad_input_silent")),
        files=only_api(handler('return {"ok": True} if "text" in job["input"] else None')),
    ),
)
