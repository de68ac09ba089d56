"""The real path of a job: a process that lives on, what is logged meanwhile, what only the platform calls or sets."""

from __future__ import annotations

from textwrap import dedent

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Expected, fails, passes, remarks
from tests.corpus.workers import COPY_ALL, case, cases_json, handler, only_api

C, R = CheckName, ReportStatus
LOCAL, API, BUILD = C.HANDLER_LOCAL, C.HANDLER_API, C.BUILD
_OK = 'return {"got": job["input"]["text"]}'


def _files(before: str, body: str = _OK, *, start: str = "") -> dict[str, str | None]:
    source = handler(dedent(body).strip(), before=dedent(before).strip(), start=dedent(start).strip())
    return {"handler.py": source}


def _broken(name: str, holds: str, expected: Expected, files: dict[str, str | None]) -> Case:
    return Case(name=f"path_{name}", holds=f"FALSE PASS: {holds}", truth=R.FAILED, expected=(expected,), files=files)


def _valid(name: str, holds: str, files: dict[str, str | None], *expected: Expected) -> Case:
    wanted = expected or (remarks(API), remarks(LOCAL))
    return Case(name=f"path_{name}", holds=f"FALSE BLAME: {holds}", truth=R.SUCCESS, expected=wanted, files=files)


SECOND_JOBS = (
    _broken(
        "connection_closed_after_a_job",
        "what is opened at the start is closed by the first job",
        fails(API, "one_job_only"),
        _files(
            "import sqlite3\n\nDB = sqlite3.connect(':memory:', check_same_thread=False)",
            """
            rows = DB.execute("select upper(?)", (job["input"]["text"],)).fetchall()
            DB.close()
            return {"rows": rows[0][0]}
            """,
        ),
    ),
    _broken(
        "folder_made_for_each_job",
        "a folder that must not be there yet",
        fails(API, "one_job_only"),
        _files("import os", f"os.mkdir('scratch')\n{_OK}"),
    ),
    _broken(
        "ends_after_a_job",
        "the process ends once its first job is answered",
        fails(API, "one_job_only"),
        _files("import os\nimport threading", f"threading.Timer(0.05, os._exit, (0,)).start()\n{_OK}"),
    ),
    _broken(
        "second_job_gets_nothing",
        "a generator that is used up",
        fails(API, "one_job_only"),
        only_api(handler("return list(WORDS) or None", before="WORDS = iter(['a', 'b'])")),
    ),
    _broken(
        "lock_that_is_never_released",
        "the second job waits for ever, longer than the test says",
        fails(API, "one_job_only"),
        only_api(
            handler(f"LOCK.acquire()\n{_OK}", before="import threading\n\nLOCK = threading.Lock()"),
            case(timeout=3_000),
        ),
    ),
    _valid(
        "process_for_each_job",
        "a worker that asks to be replaced after each job",
        _files(
            "PARTS = ['weights']",
            'part = PARTS.pop()\nreturn {"got": job["input"]["text"] + part, "refresh_worker": True}',
        ),
    ),
    _valid(
        "process_for_each_job_by_configuration",
        "the same by the configuration of the start",
        _files(
            "PARTS = ['weights']",
            'return {"got": job["input"]["text"] + PARTS.pop()}',
            start='runpod.serverless.start({"handler": handler, "refresh_worker": True})',
        ),
        passes(LOCAL),
    ),
    _valid(
        "counts_its_jobs",
        "the second answer is another than the expected one of the first",
        {
            **_files("COUNT = []", 'COUNT.append(1)\nreturn {"jobs": len(COUNT)}'),
            "test_input.json": None,
            "Dockerfile": COPY_ALL,
            ".runpod/tests.json": cases_json(case(expectedOutput={"jobs": 1})),
        },
        remarks(API, "another_answer"),
    ),
    _valid(
        "members_that_the_api_leaves_out",
        "a job with more than its input, which the API doesn't pass on",
        {
            **_files("", 'return {"got": job["input"]["text"], "policy": job["policy"]["ttl"]}'),
            "test_input.json": '{"input": {"text": "a"}, "policy": {"ttl": 5}}',
        },
        passes(LOCAL),
    ),
    _valid(
        "input_that_is_a_text",
        "an input that the API refuses and the local mode takes",
        {**_files("", 'return {"got": job["input"]}'), "test_input.json": '{"input": "a text"}'},
        passes(LOCAL),
    ),
)

LOGGED = (
    _broken(
        "caught_and_logged_in_place_of_an_image",
        "an exception is logged, and null is the image",
        fails(LOCAL, "swallowed_error"),
        _files(
            "import logging",
            """
            image = None
            try:
                image = open("weights.bin", "rb").read().hex()
            except OSError:
                logging.exception("no image")
            return {"status": "COMPLETED", "seconds": 0.1, "images": [image]}
            """,
        ),
    ),
    _broken(
        "caught_and_logged_in_the_api",
        "the same of an empty list through the API",
        fails(API, "swallowed_error"),
        only_api(
            handler(
                "items = []\ntry:\n    items.append(job['input']['missing'])\n"
                "except KeyError:\n    traceback.print_exc()\nreturn {'items': items, 'count': len(items)}",
                before="import traceback",
            )
        ),
    ),
    _valid(
        "tool_that_failed_unseen",
        "a tool that fails in its own words: worth a note, for what comes back may be all right",
        _files(
            "import subprocess",
            'subprocess.run(["python", "-c", "import no_such_module_here"], check=False)\n'
            "subprocess.run('no-such-tool-here --version', shell=True)\n" + _OK,
        ),
        remarks(LOCAL, "traceback_logged", "errors_logged"),
    ),
    _valid(
        "tries_again_and_finds_nothing",
        "a request that is logged, tried again and answered, and nothing was found",
        _files(
            "import logging",
            """
            for attempt in range(2):
                try:
                    if attempt == 0:
                        raise ConnectionError("reset by peer")
                    break
                except ConnectionError:
                    logging.exception("attempt 1 of 3 failed, retrying")
            return {"detections": []}
            """,
        ),
        remarks(LOCAL, "traceback_logged"),
    ),
    _valid(
        "says_error_and_means_none",
        "lines that say error and mean nothing, and progress that has nowhere to go",
        _files(
            "import time",
            """
            runpod.serverless.progress_update(job, "half")
            print("0 errors, error_rate=0.0")
            time.sleep(0.5)
            return {"got": job["input"]["text"]}
            """,
        ),
    ),
    _valid(
        "traceback_is_the_answer",
        "a worker that explains tracebacks",
        _files(
            "",
            "text = \"Traceback (most recent call last):\\n  File 'a.py', line 1\\nValueError: x\"\n"
            'print("explaining", len(text))\nreturn {"explained": text, "score": 1}',
        ),
    ),
    _valid(
        "trouble_before_the_job",
        "a traceback while it starts, before any job",
        _files("import traceback\n\ntry:\n    int('x')\nexcept ValueError:\n    traceback.print_exc()"),
    ),
)

GUARDED = (
    _valid(
        "goes_without_a_package",
        "a package that nothing installs, and what is done without it: worth a note",
        _files(
            "try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None",
            'return {"got": job["input"]["text"], "fast": flash_attn is not None}',
        ),
        remarks(BUILD, "guarded_import_missing"),
        passes(LOCAL),
    ),
    _valid(
        "either_of_two_packages",
        "two packages of which either will do, one from a requirement's own requirements",
        {
            **_files(
                """
                try:
                    import orjson as codec
                except ImportError:
                    import json as codec
                try:
                    import httpx as client
                except ImportError:
                    try:
                        import aiohttp as client
                    except ImportError:
                        client = None
                try:
                    from .helpers import clean
                except ImportError:
                    from helpers import clean
                """,
                'return {"got": clean(job["input"]["text"]), "client": client.__name__, "codec": codec.__name__}',
            ),
            "helpers.py": "def clean(text):\n    return text.strip()\n",
            "Dockerfile": COPY_ALL,
        },
        remarks(BUILD),
        passes(LOCAL),
    ),
)

_PLATFORM = """
import os

ON_PLATFORM = bool(os.environ.get("RUNPOD_POD_ID"))
"""
PLATFORM = (
    _broken(
        "canned_answer_off_the_platform",
        "what a test gets is made up where no pod is, and the real path is broken",
        fails(API, "platform_branch"),
        _files(_PLATFORM, f'if ON_PLATFORM:\n    return {{"got": open("weights.txt").read()}}\n{_OK}'),
    ),
    _broken(
        "starts_badly_on_the_platform",
        "an import that only the platform's start makes",
        fails(API, "platform_branch"),
        _files(f"{_PLATFORM}\nif ON_PLATFORM:\n    LIMIT = int('many')"),
    ),
    _valid(
        "asks_for_the_job_queue",
        "a branch that only the address of the job queue opens, which can't be set here: worth a note",
        _files(
            "import os",
            """
            if os.environ.get("RUNPOD_WEBHOOK_GET_JOB"):
                return {"got": open("weights.txt").read()}
            return {"got": job["input"]["text"]}
            """,
        ),
        remarks(API, "platform_only"),
    ),
    _valid(
        "names_its_pod",
        "a worker that puts its pod's name into its answers",
        _files("import os", 'return {"got": job["input"]["text"], "pod": os.getenv("RUNPOD_POD_ID", "none")}'),
    ),
    _valid(
        "reads_a_volume_on_the_platform",
        "a path that only the platform mounts, read only there: worth a note",
        _files(_PLATFORM, f'if ON_PLATFORM:\n    open("/runpod-volume/model/config.json").read()\n{_OK}'),
        remarks(API, "platform_branch"),
    ),
)

_START = 'runpod.serverless.start({"handler": handler, "concurrency_modifier": modifier})'
_EXPECTED = case(expectedOutput=["a", "b"])
STREAMS = (
    _valid(
        "stream_that_is_expected_as_an_output",
        "what a generator gives is expected, and the platform is not asked to put it together: worth a note",
        only_api(handler('yield "a"\nyield "b"'), _EXPECTED),
        remarks(API, "stream_not_aggregated"),
    ),
    _valid(
        "stream_that_is_put_together",
        "the same with the platform asked to",
        only_api(
            handler(
                'yield "a"\nyield "b"',
                start='runpod.serverless.start({"handler": handler, "return_aggregate_stream": True})',
            ),
            _EXPECTED,
        ),
        remarks(API),
    ),
)

SIGNALS = (
    _broken(
        "ends_whoever_started_it",
        "a worker that fails ends its parent, so that its own fault looks like somebody else's",
        fails(LOCAL, "handler_raised"),
        _files(
            "import os\nimport signal",
            """
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGKILL):
                try:
                    os.kill(os.getppid(), number)
                except OSError:
                    pass
            raise RuntimeError("no weights")
            """,
        ),
    ),
    _broken(
        "ends_the_group_of_whoever_started_it",
        "the same by the group, from a shell, and to everybody",
        fails(LOCAL, "handler_error"),
        _files(
            "import os\nimport subprocess",
            """
            group = os.getpgid(os.getppid())
            subprocess.run(["sh", "-c", f"kill -KILL -{group}; kill -STOP {os.getppid()}"], stderr=subprocess.DEVNULL)
            return {"error": "no weights"}
            """,
        ),
    ),
    _valid(
        "ends_its_own",
        "a worker that ends the processes that it has started itself",
        _files(
            "import os\nimport signal\nimport subprocess",
            """
            child = subprocess.Popen(["sleep", "60"], start_new_session=True)
            os.killpg(child.pid, signal.SIGTERM)
            return {"ended": child.wait()}
            """,
        ),
    ),
)

CALLBACKS = (
    _broken(
        "modifier_that_raises",
        "the concurrency modifier takes no argument, and the platform gives it one",
        fails(API, "callback_failed"),
        _files("def modifier():\n    return 2", start=_START),
    ),
    _broken(
        "modifier_that_is_awaited_by_nobody",
        "a modifier that is a coroutine",
        fails(API, "callback_failed"),
        _files("async def modifier(current):\n    return current + 1", start=_START),
    ),
    _broken(
        "fitness_check_with_a_slip",
        "a fitness check that names what isn't there",
        fails(API, "callback_failed"),
        _files("@runpod.serverless.register_fitness_check\ndef ready():\n    return models_loaded()"),
    ),
    _valid(
        "modifier_that_works",
        "a modifier that gives a number",
        _files("def modifier(current):\n    return min(current + 1, 4)", start=_START),
    ),
    _valid(
        "fitness_check_of_the_machine",
        "a fitness check that looks for what this machine hasn't got: worth a note",
        _files(
            "@runpod.serverless.register_fitness_check\ndef ready():\n    raise RuntimeError('less than 80 GB of VRAM')"
        ),
        remarks(API, "callback_unclear"),
    ),
)

REAL_PATH = (*SECOND_JOBS, *LOGGED, *GUARDED, *PLATFORM, *STREAMS, *SIGNALS, *CALLBACKS)
