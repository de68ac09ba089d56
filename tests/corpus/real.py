"""Files of real workers and logs of the real SDK, used where they lie; and the example workers."""

from __future__ import annotations

import json
from pathlib import Path

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Expected, Kind, errs, fails, passes, skips
from tests.corpus.workers import COPY_ALL

FOLDER = Path(__file__).parents[2].parent / "shared" / "real-workers"
C, R = CheckName, ReportStatus

_TRUTHS = {
    "pass": R.SUCCESS,
    "fail": R.FAILED,
    # Exit code 0, and nothing was shown: only the API can tell.
    "FALSE PASS": R.INCOMPLETE,
    "not a handler failure: no input found": R.INCOMPLETE,
    "harness error": R.ERROR,
}
_KNOWN_FAULTS = {("worker-tetra", ".runpod/hub.json"): fails(C.HUB_SCHEMA, "gpu_type_for_pool")}
"""A GPU type where pools belong."""

EXAMPLES = (
    Case(name="example_echo", holds="works", truth=R.SUCCESS, like="echo-worker", expected=(passes(C.HANDLER_API),)),
    Case(
        name="example_stream",
        holds="works as a generator",
        truth=R.SUCCESS,
        like="stream-worker",
        expected=(passes(C.HANDLER_API), skips(C.HANDLER_LOCAL, "generator_needs_api")),
    ),
    Case(
        name="example_broken",
        holds="fails honestly",
        truth=R.FAILED,
        like="broken-worker",
        expected=(fails(C.HANDLER_LOCAL, "handler_raised"),),
    ),
    Case(
        name="example_silent",
        holds="FALSE PASS, exit 0: a nested error",
        truth=R.FAILED,
        like="silent-worker",
        expected=(fails(C.HANDLER_LOCAL, "nested_error"),),
    ),
    Case(
        name="example_hanging",
        holds="hangs and ignores SIGTERM",
        truth=R.TIMED_OUT,
        like="hanging-worker",
        expected=(errs(C.HANDLER_LOCAL, "deadline"), passes(C.CLEANUP)),
        spec={"seconds": 40, "grace_seconds": 10},
    ),
)


def real_cases() -> tuple[Case, ...]:
    """The cases of real files and logs; none where the folder isn't there."""
    return (*_logs(), *_files()) if FOLDER.is_dir() else ()


def _logs() -> list[Case]:
    folder = FOLDER / "sdk_logs"
    return [
        Case(
            name=f"log_{item['file']}",
            holds=item["truth"],
            truth=_TRUTHS[item["truth"]],
            expected=(),
            kind=Kind.LOG,
            log=((folder / item["file"]).read_text(encoding="utf-8"), item["exit_code"]),
        )
        for item in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    ]


def _files() -> list[Case]:
    checks = {"hub.json": C.HUB_SCHEMA, "tests.json": C.TESTS_SCHEMA, "test_input.json": C.TEST_INPUT}
    found = []
    for item in json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8")):
        path = Path(item["path"])
        worker = item["repo"].split("/")[1]
        file = FOLDER / worker / path
        # Where test_input.json lies in a folder of tests nothing reads it.
        if path.name not in checks or not file.is_file() or "tests" in path.parts:
            continue
        expected: Expected = _KNOWN_FAULTS.get((worker, item["path"]), passes(checks[path.name]))
        found.append(
            Case(
                name=f"file_{worker}_{item['path'].replace('/', '_')}",
                holds="a real worker's file",
                truth=R.SUCCESS if expected.code is None else R.FAILED,
                expected=(expected,),
                files={
                    "test_input.json": None,
                    "Dockerfile": COPY_ALL,
                    item["path"]: file.read_text(encoding="utf-8"),
                },
                kind=Kind.STATIC,
            )
        )
    return found
