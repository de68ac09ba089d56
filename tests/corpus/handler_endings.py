"""How a worker ends and what it prints: a verdict needs a job that was done, whatever the exit code and the log say."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, notes, passes, skips
from tests.corpus.workers import DOCKERFILE, case, handler, only_api

C, R = CheckName, ReportStatus
LOCAL, API, SCAN, BAD = C.HANDLER_LOCAL, C.HANDLER_API, C.LOG_SCAN, C.NEGATIVE_INPUT
_OK = 'return {"ok": 1}'
_FORGED = """\
for line in (
    "--- Starting Serverless Worker |  Version 1.12.0 ---",
    "INFO   | Using test_input.json as job input.",
    "DEBUG  | Retrieved local job: {'input': {'text': 'one two'}, 'id': 'local_test'}",
    "INFO   | local_test | Started.",
    "DEBUG  | local_test | Handler output: {'words': 2}",
    "DEBUG  | local_test | run_job return: {'output': {'words': 2}}",
    "INFO   | Job local_test completed successfully.",
    "INFO   | Job result: {'output': {'words': 2}}",
    "INFO   | Local testing complete, exiting.",
):
    print(line, flush=True)
os._exit(0)"""


def _before(text: str) -> dict[str, str | None]:
    return {"handler.py": handler(_OK, before=text)}


ENDINGS = (
    # -- it ends where it shouldn't
    Case(
        name="exit_0_in_the_handler",
        holds="FALSE PASS: sys.exit(0) in the handler",
        truth=R.FAILED,
        expected=(fails(LOCAL, "not_completed"),),
        files={"handler.py": handler("sys.exit(0)", before="import sys")},
    ),
    Case(
        name="exit_0_at_once_in_the_handler",
        holds="FALSE PASS: os._exit(0) in the handler",
        truth=R.FAILED,
        expected=(fails(LOCAL, "not_completed"),),
        files={"handler.py": handler("os._exit(0)", before="import os")},
    ),
    Case(
        name="exit_0_at_import",
        holds="FALSE PASS: sys.exit(0) before the SDK starts",
        truth=R.FAILED,
        expected=(fails(LOCAL, "sdk_not_started"),),
        files=_before("import sys\n\nsys.exit(0)"),
    ),
    Case(
        name="exit_0_in_the_api",
        holds="FALSE PASS: os._exit(0) while the API is asked",
        truth=R.FAILED,
        expected=(fails(API, "server_died"),),
        files=only_api(handler("os._exit(0)", before="import os")),
    ),
    Case(
        name="segmentation_fault",
        holds="a crash in native code",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_exited"),),
        files={"handler.py": handler("ctypes.string_at(0)", before="import ctypes")},
    ),
    Case(
        name="killed_by_itself",
        holds="SIGKILL that no lack of memory explains",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_exited"),),
        files={"handler.py": handler("os.kill(os.getpid(), 9)", before="import os")},
    ),
    Case(
        name="exit_code_after_the_job",
        holds="a job that is done, and an exit code that says otherwise",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_exited"),),
        files=_before("import atexit\nimport os\n\natexit.register(os._exit, 7)"),
    ),
    # -- it doesn't end
    Case(
        name="thread_outlives_the_job",
        holds="FALSE BLAME: a thread keeps the local mode from ending; on the platform nobody waits for that",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "exit_hangs")),
        files=_before("import threading\n\nthreading.Thread(target=threading.Event().wait).start()"),
        spec={"seconds": 90},
    ),
    Case(
        name="end_hangs_and_the_output_is_an_error",
        holds="FALSE PASS: the same with a nested error",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files={
            "handler.py": handler(
                'return {"result": {"error": "no weights"}}',
                before="import threading\n\nthreading.Thread(target=threading.Event().wait).start()",
            )
        },
        spec={"seconds": 90},
    ),
    Case(
        name="hangs_at_import",
        holds="a worker that never gets as far as the SDK",
        truth=R.TIMED_OUT,
        expected=(errs(LOCAL, "deadline"), passes(C.CLEANUP)),
        files=_before(
            "import signal, threading\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nthreading.Event().wait()"
        ),
        spec={"seconds": 25, "grace_seconds": 10},
    ),
    Case(
        name="hangs_in_the_api",
        holds="the deadline while the API is asked",
        truth=R.TIMED_OUT,
        expected=(errs(API, "deadline"), passes(C.CLEANUP)),
        files=only_api(handler("threading.Event().wait()", before="import threading"), case(timeout=400_000)),
        spec={"seconds": 30, "grace_seconds": 10},
    ),
    Case(
        name="hangs_on_bad_input",
        holds="FALSE BLAME: an optional question that gets no answer doesn't use up the time",
        truth=R.SUCCESS,
        expected=(passes(API), notes(BAD, "bad_input_unanswered")),
        files=only_api(
            handler(f'if "text" not in job["input"]:\n    threading.Event().wait()\n{_OK}', before="import threading")
        ),
        spec={"seconds": 60},
    ),
    Case(
        name="another_server_on_the_port",
        holds="FALSE PASS: a server of the worker's own that calls everything completed",
        truth=R.FAILED,
        expected=(fails(API, "sdk_not_started"),),
        files=only_api(
            handler(
                _OK,
                before="import http.server\nimport sys\n\n\nclass Yes(http.server.BaseHTTPRequestHandler):\n"
                "    def do_POST(self):\n"
                '        body = b\'{"id": "1", "status": "COMPLETED", "output": {"ok": 1}}\'\n'
                "        self.send_response(200)\n"
                "        self.send_header('Content-Length', str(len(body)))\n"
                "        self.end_headers()\n"
                "        self.wfile.write(body)\n\n    do_GET = do_POST\n\n\n"
                'if "--rp_api_port" in sys.argv:\n'
                '    port = int(sys.argv[sys.argv.index("--rp_api_port") + 1])\n'
                '    http.server.HTTPServer(("127.0.0.1", port), Yes).serve_forever()',
            )
        ),
    ),
    Case(
        name="child_keeps_the_output_open",
        holds="a child that stays behind with the worker's output",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), passes(C.CLEANUP)),
        files={
            "handler.py": handler(
                f'subprocess.Popen(["sleep", "600"], start_new_session=True)\n{_OK}', before="import subprocess"
            )
        },
    ),
    # -- what it prints
    Case(
        name="forged_log_at_import",
        holds="FALSE PASS: a program that prints what the SDK prints, and does nothing",
        truth=R.FAILED,
        expected=(fails(API, "sdk_not_started"),),
        files={
            **_before(f"import os\n\n{_FORGED}"),
            "test_input.json": '{"id": "local_test", "input": {"text": "one two"}}',
        },
    ),
    Case(
        name="forged_log_in_the_handler",
        holds="FALSE PASS: the same from within the handler, so that the job is never done",
        truth=R.FAILED,
        expected=(fails(API, "server_died"),),
        files={"handler.py": handler(f"{_FORGED}", before="import os")},
    ),
    Case(
        name="forged_completed_line",
        holds="FALSE PASS: the completed line alone",
        truth=R.FAILED,
        expected=(fails(API, "server_died"),),
        files={
            "handler.py": handler(
                'print("INFO   | Job local_test completed successfully.", flush=True)\nos._exit(0)', before="import os"
            )
        },
    ),
    Case(
        name="its_own_test_input",
        holds="FALSE PASS: a worker that takes a test input of its own is not tested with the one that was given",
        truth=R.FAILED,
        expected=(fails(API, "handler_error"),),
        files={
            "Dockerfile": DOCKERFILE.replace("test_input.json ./", "test_input.json ./\nCOPY own own"),
            "own/test_input.json": '{"input": {"text": 1, "easy": true}}',
            "handler.py": handler(
                'return {"ok": 1} if "easy" in job["input"] else {"error": "too hard"}',
                before='import os\n\nos.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "own"))',
            ),
        },
    ),
    Case(
        name="fixed_test_input",
        holds="a CMD with a test input of its own still answers the one that was given",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "other_job")),
        files={
            "Dockerfile": DOCKERFILE.replace(
                '"handler.py"]', '"handler.py", "--test_input", "{\\"input\\": {\\"text\\": \\"x\\"}}"]'
            )
        },
    ),
    Case(
        name="sample_job_off_the_platform",
        holds="FALSE BLAME: a program that gives the SDK a sample job, and serves on the platform alone",
        truth=R.ERROR,
        expected=(errs(API, "api_not_served"), skips(LOCAL, "other_job")),
        files={
            "handler.py": handler(
                _OK,
                before="import json\nimport os\nimport sys\n\nif 'RUNPOD_WEBHOOK_GET_JOB' not in os.environ:\n"
                '    sys.argv = [sys.argv[0], "--test_input", json.dumps({"input": {"text": "x"}})]',
            )
        },
    ),
    Case(
        name="line_that_has_no_end",
        holds="FALSE BLAME: a progress bar without a newline stands before the SDK's own lines",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": handler(
                f'print("\\r 50%|#####     | 5/10 [00:00<00:00]", end="", flush=True)\n{_OK}',
                before='print("loading ...", end="", flush=True)',
            )
        },
    ),
    Case(
        name="quiet_sdk",
        holds="FALSE BLAME: a worker that asks the SDK to log errors alone",
        truth=R.SUCCESS,
        expected=(passes(API), skips(LOCAL, "log_silent")),
        files={"Dockerfile": DOCKERFILE.replace('"handler.py"]', '"handler.py", "--rp_log_level", "ERROR"]')},
    ),
    Case(
        name="quiet_sdk_and_a_broken_handler",
        holds="FALSE PASS: the same, and the handler doesn't work",
        truth=R.FAILED,
        expected=(fails(API, "nested_error"),),
        files={
            "Dockerfile": DOCKERFILE.replace('"handler.py"]', '"handler.py", "--rp_log_level", "ERROR"]'),
            "handler.py": handler('return [{"error": "no weights"}]'),
        },
    ),
    Case(
        name="job_of_its_own_that_failed",
        holds="FALSE BLAME: a worker that says through the SDK's logger that a job of its own failed, and tries again",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), notes(SCAN, "errors_logged")),
        files={
            "handler.py": handler(
                f'log.error("Job 17 failed with error: busy; trying again")\n{_OK}',
                before="from runpod.serverless.modules.rp_logger import RunPodLogger\n\nlog = RunPodLogger()",
            )
        },
    ),
    Case(
        name="traceback_that_was_caught",
        holds="FALSE BLAME: a traceback that the worker prints and goes on",
        truth=R.SUCCESS,
        expected=(passes(LOCAL), notes(SCAN, "errors_logged")),
        files={
            "handler.py": handler(
                f"try:\n    int('x')\nexcept ValueError:\n    traceback.print_exc()\n{_OK}", before="import traceback"
            )
        },
    ),
    Case(
        name="json_lines_and_a_nested_error",
        holds="FALSE PASS: the SDK's JSON lines hide a nested error as well",
        truth=R.FAILED,
        expected=(fails(LOCAL, "nested_error"),),
        files={"handler.py": handler('return {"a": [{"error": "no weights"}]}')},
        repository={"env": {"RUNPOD_ENDPOINT_ID": "abc123"}},
    ),
    Case(
        name="json_lines_that_raise",
        holds="an exception in JSON lines",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files={"handler.py": handler('raise RuntimeError("boom")')},
        repository={"env": {"RUNPOD_ENDPOINT_ID": "abc123"}},
    ),
)
