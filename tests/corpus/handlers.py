"""Handlers: what the SDK's exit codes hide, and what they make look worse than it is."""

from __future__ import annotations

from janitor.protocol.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, notes, passes, skips
from tests.corpus.workers import COPY_ALL, DOCKERFILE, NO_TEST_INPUT, case, cases_json, handler, hub

C, R = CheckName, ReportStatus
LOCAL, API, SCAN, BAD = C.HANDLER_LOCAL, C.HANDLER_API, C.LOG_SCAN, C.NEGATIVE_INPUT
ASYNC = "async def handler(job):"


def _only_api(source: str, *cases: dict[str, object]) -> dict[str, str | None]:
    """A worker that is tested by tests.json alone."""
    files = {"handler.py": source, "test_input.json": None, "Dockerfile": NO_TEST_INPUT}
    return {**files, ".runpod/tests.json": cases_json(*(cases or (case(),)))}


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
            skips(API, "not_needed"),
            skips(C.HUB_SCHEMA, "absent"),
            skips(C.AGENT_PROMPT, "agent_not_configured"),
        ),
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
        files=_only_api(handler('return {"got": job["input"]["text"]}')),
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
        files=_only_api(
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
        files=_only_api(handler('return {"ok": True} if "text" in job["input"] else None')),
    ),
)

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
        files=_only_api(handler('raise RuntimeError("boom")')),
    ),
    Case(
        name="second_case_fails",
        holds="every case of tests.json is run",
        truth=R.FAILED,
        expected=(fails(API, "handler_error"),),
        files=_only_api(
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
        files=_only_api(handler('time.sleep(8)\nreturn {"ok": 1}', before="import time"), case(timeout=1_500)),
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

WORLD = (
    Case(
        name="no_gpu_here",
        holds="GPU CI that passes with no GPU",
        truth=R.ERROR,
        expected=(errs(C.HOST, "gpu_missing"), skips(C.BUILD, "prerequisite_failed")),
        spec={"gpu_required": True},
    ),
    Case(
        name="worker_wants_a_gpu",
        holds="a worker that wants a GPU on a machine that has none is not to blame",
        truth=R.ERROR,
        expected=(errs(LOCAL, "gpu_missing"),),
        files={"handler.py": handler('raise RuntimeError("Found no NVIDIA driver on your system.")')},
    ),
    Case(
        name="generator_wants_a_gpu",
        holds="the same through the API",
        truth=R.ERROR,
        expected=(errs(API, "gpu_missing"),),
        files={"handler.py": handler('yield 1\nraise RuntimeError("No CUDA GPUs are available")')},
    ),
    Case(
        name="gpu_without_kernels",
        holds="sm_120 `no kernel image`: answered well, and not on the GPU",
        truth=R.FAILED,
        expected=(fails(SCAN, "gpu_error"), passes(LOCAL)),
        files={
            "handler.py": handler(
                'print("CUDA error: no kernel image is available for execution on the device")\nreturn {"ok": 1}'
            )
        },
        spec={"gpu_required": True},
        gpu=True,
    ),
    Case(
        name="driver_lost",
        holds="`Failed to initialize NVML` after a daemon-reload is the host's doing",
        truth=R.ERROR,
        expected=(errs(SCAN, "host_driver"),),
        files={"handler.py": handler('print("Failed to initialize NVML: Unknown Error")\nreturn {"ok": 1}')},
        spec={"gpu_required": True},
        gpu=True,
    ),
    Case(
        name="out_of_memory",
        holds="infrastructure errors stored as failed: memory",
        truth=R.ERROR,
        expected=(errs(LOCAL, "out_of_memory"),),
        files={"handler.py": handler('raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")')},
    ),
    Case(
        name="disk_full",
        holds="infrastructure errors stored as failed: disk",
        truth=R.ERROR,
        expected=(errs(LOCAL, "disk_full"),),
        files={"handler.py": handler('raise OSError(28, "No space left on device")')},
    ),
    Case(
        name="network_lost",
        holds="infrastructure errors stored as failed: network",
        truth=R.ERROR,
        expected=(errs(LOCAL, "network"),),
        files={"handler.py": handler('raise OSError("Temporary failure in name resolution")')},
    ),
    Case(
        name="lfs_pointer",
        holds="a model that is only a Git LFS pointer here",
        truth=R.ERROR,
        expected=(errs(LOCAL, "lfs_unfetched"),),
        files={
            "Dockerfile": COPY_ALL,
            "handler.py": handler('return json.load(open("model.json"))', before="import json"),
            "model.json": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n",
        },
    ),
    Case(
        name="another_python",
        holds="newer syntax than this machine's Python is not wrong",
        truth=R.ERROR,
        expected=(skips(C.PYTHON_STATIC, "python_version"),),
        files={
            "Dockerfile": DOCKERFILE.replace("3.11", "3.19"),
            "handler.py": handler("return {'ok': 1}", before="type X = frobnicate int"),
        },
    ),
)

HANDLERS = (*WORKING, *FAILING, *UNTESTED, *WORLD)
