"""How workers start: scripts with servers, arguments of their own, launchers, warm-ups, other processes and loops."""

from __future__ import annotations

from textwrap import dedent

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, passes
from tests.corpus.workers import COPY_ALL, handler, only_api

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API
_OK = 'return {"got": job["input"]["text"]}'
_SERVER = "import http.server\n\nhttp.server.test(port=18188, bind='127.0.0.1')\n"


def _worker(before: str, body: str = _OK) -> str:
    return handler(dedent(body).strip(), before=dedent(before).strip())


_POLLS = _worker(
    "import time\nimport urllib.request",
    """
    for _ in range(3):
        try:
            urllib.request.urlopen("http://127.0.0.1:18188/").close()
            return {"ready": True}
        except OSError:
            time.sleep(0.1)
    return {"error": "the image server did not become ready after 3 attempts"}
    """,
)


def _scripted(script: str, source: str = _POLLS) -> dict[str, str | None]:
    """A worker that a script starts."""
    return {
        "start.sh": f"#!/bin/bash\n{script}\n",
        "handler.py": source,
        "server.py": _SERVER,
        "Dockerfile": COPY_ALL.replace('CMD ["python", "-u", "handler.py"]', 'CMD ["bash", "start.sh"]'),
    }


def _launched(launcher: str, worker: str = "") -> dict[str, str | None]:
    return {"handler.py": dedent(launcher).lstrip(), "worker.py": worker or handler(_OK), "Dockerfile": COPY_ALL}


def _beside(name: str, holds: str, files: dict[str, str | None]) -> Case:
    """A worker that fails for want of what the image starts beside it."""
    return Case(
        name=f"start_{name}",
        holds=f"FALSE BLAME: {holds}",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files=files,
    )


STARTS = (
    # -- what is started beside the handler
    _beside(
        "server", "a server that start.sh has in the background", _scripted("python server.py &\npython handler.py")
    ),
    _beside(
        "server_in_a_subshell",
        "the same from a subshell, with its output elsewhere",
        _scripted("(cd /app && python server.py &> /tmp/log) &\nsleep 1\nexec python -u handler.py"),
    ),
    _beside(
        "server_in_the_command",
        "the same in CMD's shell form",
        {
            **_scripted(""),
            "Dockerfile": COPY_ALL.replace(
                'CMD ["python", "-u", "handler.py"]', "CMD python server.py & python handler.py"
            ),
        },
    ),
    _beside("service", "a service", _scripted("service redis-server start\npython -u handler.py")),
    _beside(
        "program_before",
        "a program that is run before the handler",
        _scripted("set -e\npython server.py --prepare\npython -u handler.py", _worker("", 'raise KeyError("weights")')),
    ),
    Case(
        name="start_script_with_settings_alone",
        holds="a script that starts nothing else excuses nothing",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files=_scripted(
            "set -euo pipefail\nexport A=1 2>&1\nulimit -n 1024 >/dev/null 2>&1 || true\n"
            'TCMALLOC="$(ldconfig -p | head -n 1)"\nexec python -u handler.py',
            _worker("", 'raise RuntimeError("boom")'),
        ),
    ),
    Case(
        name="start_of_its_own_server",
        holds="a server that the handler's own program starts",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": _worker(
                """
                import subprocess
                import sys
                import time
                import urllib.request

                server = subprocess.Popen([sys.executable, "-m", "http.server", "18189", "--bind", "127.0.0.1"])
                for _ in range(100):
                    try:
                        urllib.request.urlopen("http://127.0.0.1:18189/").close()
                        break
                    except OSError:
                        time.sleep(0.1)
                """
            )
        },
    ),
    # -- arguments
    Case(
        name="start_with_strict_options",
        holds="FALSE BLAME: options that are refused in other words than argparse's",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files=only_api(
            _worker("import getopt\nimport sys\n\noptions, rest = getopt.getopt(sys.argv[1:], 'm:', ['model='])")
        ),
    ),
    Case(
        name="start_without_arguments",
        holds="FALSE ERROR: a program that drops its arguments can be asked by a variable",
        truth=R.SUCCESS,
        expected=(passes(API),),
        files={"handler.py": _worker("import sys\n\nsys.argv = sys.argv[:1]", 'yield job["input"]["text"]')},
    ),
    Case(
        name="start_without_arguments_and_broken",
        holds="the same, and the handler doesn't work",
        truth=R.FAILED,
        expected=(fails(API, "handler_raised"),),
        files={"handler.py": _worker("import sys\n\nsys.argv = ['ui.py', '--api']", 'yield job["input"]["missing"]')},
    ),
    # -- how it gets to the SDK
    Case(
        name="start_with_a_config_from_elsewhere",
        holds="a config that another module makes",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_launched(
            """
            from runpod.serverless import start

            from worker import make_config

            if __name__ == "__main__":
                start(make_config())
            """,
            'from functools import partial\n\n\ndef work(scale, job):\n    return {"n": scale}\n'
            "\n\ndef make_config():\n    config = dict(concurrency_modifier=lambda n: 2)\n"
            '    config["handler"] = partial(work, 2)\n    return config\n',
        ),
    ),
    Case(
        name="start_by_exec",
        holds="a launcher that becomes the worker",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_launched(
            "import os\nimport sys\n\nos.execv(sys.executable, [sys.executable, 'worker.py', *sys.argv[1:]])\n"
        ),
    ),
    Case(
        name="start_of_a_child",
        holds="a launcher that starts the worker and waits for it",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files=_launched(
            "import subprocess\nimport sys\n\nsys.exit(subprocess.call([sys.executable, 'worker.py', *sys.argv[1:]]))\n"
        ),
    ),
    Case(
        name="start_after_a_warm_up",
        holds="FALSE BLAME: a warm-up that calls the handler, fails and is passed over",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": handler(
                _OK,
                before="import logging",
                start='try:\n    handler({"id": "warm", "input": {}})\nexcept KeyError:\n    logging.exception("x")\n'
                'runpod.serverless.start({"handler": handler})',
            )
        },
    ),
    Case(
        name="start_within_a_loop",
        holds="the SDK has a loop of its own: within another it starts neither here nor on the platform",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_exited"),),
        files={
            "handler.py": handler(
                _OK,
                before="import asyncio",
                start='async def main():\n    runpod.serverless.start({"handler": handler})\n\n\nasyncio.run(main())',
            )
        },
    ),
    # -- processes and loops
    Case(
        name="start_of_a_pool",
        holds="processes that are started anew and import the worker again",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": handler(
                'with multiprocessing.get_context("spawn").Pool(2) as pool:\n    return {"n": pool.map(abs, [1, 2])}',
                before="import multiprocessing",
                start='if __name__ == "__main__":\n    runpod.serverless.start({"handler": handler})',
            )
        },
    ),
    Case(
        name="start_of_a_fork",
        holds="a forked process that prints what the SDK prints, and hands its answer over",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "handler.py": _worker(
                """
                import multiprocessing


                def work(queue):
                    print("INFO   | Job result: in the child", flush=True)
                    queue.put("x")
                """,
                """
                queue = multiprocessing.Queue()
                child = multiprocessing.Process(target=work, args=(queue,))
                child.start()
                text = queue.get(timeout=20)
                child.join()
                return {"text": text}
                """,
            )
        },
    ),
    Case(
        name="start_of_a_loop_in_the_handler",
        holds="a loop within the SDK's loop fails on the platform too",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files={
            "handler.py": _worker(
                "import asyncio\n\n\nasync def work():\n    return 1\n", "return {'n': asyncio.run(work())}"
            )
        },
    ),
)
