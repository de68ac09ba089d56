"""How workers start the SDK, and what of a repository's Python counts."""

from __future__ import annotations

from dataclasses import replace

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, fails, passes, skips
from tests.corpus.workers import COPY_ALL, HEALTHY, hub

C, R = CheckName, ReportStatus
CHECK = C.PYTHON_STATIC
HANDLER = "def handler(job):\n    return {'ok': job['input']}\n"


def works(name: str, holds: str, handler: str | None, /, **files: str | None) -> Case:
    """A worker whose Python is in order."""
    files = {"Dockerfile": COPY_ALL, "handler.py": handler, **files}
    return Case(
        name=f"python_{name}", holds=holds, truth=R.SUCCESS, expected=(passes(CHECK),), files=files, kind=Kind.STATIC
    )


def taken(name: str, holds: str, handler: str, base: str) -> Case:
    """Source that a newer Python takes than the one that looks at it may be: it is never blamed."""
    case = works(name, holds, handler, Dockerfile=on(base))
    return replace(case, expected=(passes(C.DOCKERFILE_PARSE),))


def untold(name: str, code: str, holds: str, handler: str | None, /, **files: str | None) -> Case:
    """A worker whose Python can't be judged from here."""
    files = {"Dockerfile": COPY_ALL, "handler.py": handler, **files}
    return Case(
        name=f"python_{name}",
        holds=holds,
        truth=R.SUCCESS,
        expected=(skips(CHECK, code),),
        files=files,
        kind=Kind.STATIC,
    )


def broken(name: str, code: str, holds: str, handler: str | None, /, **files: str | None) -> Case:
    """A worker that can't start."""
    files = {"Dockerfile": COPY_ALL, "handler.py": handler, **files}
    return Case(
        name=f"python_{name}",
        holds=holds,
        truth=R.FAILED,
        expected=(fails(CHECK, code),),
        files=files,
        kind=Kind.STATIC,
    )


def on(base: str) -> str:
    """The Dockerfile on another base."""
    return COPY_ALL.replace("python:3.11-slim", base)


STARTS = (
    works(
        "alias_of_the_function",
        "start under a name of its own",
        f"import runpod\n{HANDLER}go = runpod.serverless.start\ngo({{'handler': handler}})\n",
    ),
    works(
        "alias_of_the_module",
        "the module under a name of its own",
        f"import runpod\nsls = runpod.serverless\n{HANDLER}sls.start(dict(handler=handler))\n",
    ),
    works("star_import", "a star import", f"from runpod import *\n{HANDLER}serverless.start({{'handler': handler}})\n"),
    works(
        "import_within_main",
        "imported where it is used",
        f"{HANDLER}def main():\n    from runpod import serverless as s\n"
        "    s.start({'handler': handler})\n\nif __name__ == '__main__':\n    main()\n",
    ),
    works(
        "keyword_argument",
        "the configuration by keyword",
        f"import runpod\n{HANDLER}runpod.serverless.start(config={{'handler': handler}})\n",
    ),
    works("lambda", "a lambda", "import runpod\nrunpod.serverless.start({'handler': lambda job: job['input']})\n"),
    works(
        "decorated_generator",
        "a decorated async generator with its stream gathered",
        "import runpod\nimport functools\ndef timed(f):\n    @functools.wraps(f)\n"
        "    async def inner(job):\n        async for x in f(job):\n"
        "            yield x\n"
        "    return inner\n@timed\nasync def handler(job):\n    yield 1\n"
        "runpod.serverless.start({'handler': handler, 'return_aggregate_stream': True})\n",
    ),
    works(
        "partial_of_a_method",
        "functools.partial of a method",
        "import functools\nimport runpod\nclass W:\n    def run(self, model, job):\n        return model\n"
        "runpod.serverless.start({'handler': functools.partial(W().run, 'm')})\n",
    ),
    works(
        "wrapper_module",
        "a module of the repository that starts whatever it is given",
        "from lib.serve import serve\n\n@serve\ndef handler(job):\n    return job\n",
        **{
            "lib/__init__.py": "",
            "lib/serve.py": "import runpod\ndef serve(f):\n    runpod.serverless.start({'handler': f})\n    return f\n",
        },
    ),
    works(
        "runpy",
        "a program that runs the handler's file",
        "import runpy\nrunpy.run_path('worker.py', run_name='__main__')\n",
        **{"worker.py": HEALTHY},
    ),
    works(
        "found_at_run_time",
        "start looked up at run time",
        f"import importlib\n{HANDLER}rp = importlib.import_module('runpod')\n"
        "getattr(rp.serverless, 'start')({'handler': handler})\n",
    ),
    works(
        "assigned_with_walrus",
        "an assignment within an expression",
        f"import runpod\n{HANDLER}if (s := runpod.serverless):\n    s.start({{'handler': handler}})\n",
    ),
    broken("no_start", "start_call_missing", "a worker that only defines its handler", f"import runpod\n{HANDLER}"),
    broken(
        "start_in_a_comment",
        "start_call_missing",
        "a start call that is commented out",
        f"import runpod\n{HANDLER}# runpod.serverless.start({{'handler': handler}})\n",
    ),
)

BASES = (
    untold(
        "handler_of_the_base",
        "not_in_repository",
        "a base image that brings the handler, and no Python here",
        None,
        Dockerfile="FROM runpod/worker-comfyui:5.1.0-base\nRUN comfy-node-install comfyui-kjnodes\n"
        "COPY snapshot.json /\n",
        **{"snapshot.json": "{}"},
    ),
    untold(
        "only_environment",
        "not_in_repository",
        "a base image that needs no more than variables",
        None,
        Dockerfile="FROM runpod/worker-v1-vllm:v2.7.0stable-cuda12.1.0\nENV MODEL_NAME=org/model\n",
    ),
    untold(
        "handler_is_cloned",
        "not_in_repository",
        "a worker that the build clones",
        None,
        Dockerfile="FROM python:3.11-slim\n"
        "RUN apt-get update && apt-get install -y git && git clone https://github.com/runpod-workers/worker-template /w"
        ' && pip install -r /w/requirements.txt\nWORKDIR /w\nCMD ["python", "-u", "rp_handler.py"]\n',
    ),
    untold(
        "handler_is_installed",
        "not_in_repository",
        "a worker that is a package",
        None,
        Dockerfile='FROM python:3.11-slim\nRUN pip install runpod==1.12.0\nCMD ["python", "-m", "runpod"]\n',
    ),
    untold(
        "inline_handler",
        "not_in_repository",
        "a handler that a COPY heredoc brings",
        None,
        Dockerfile="FROM python:3.11-slim\nRUN pip install runpod==1.12.0\nCOPY <<EOF /handler.py\n"
        f'{HEALTHY}EOF\nCMD ["python", "/handler.py"]\n',
    ),
    works(
        "tools_beside",
        "a base image that brings the handler, and tools of no matter here",
        HEALTHY,
        Dockerfile="FROM runpod/worker-comfyui:5.1.0-base\nCOPY handler.py /handler.py\n",
    ),
    untold(
        "other_python_beside",
        "not_in_repository",
        "a base image that brings the handler, and a script of another kind here",
        None,
        Dockerfile="FROM runpod/worker-comfyui:5.1.0-base\nCOPY nodes /comfyui/custom_nodes/mine\n",
        **{"nodes/__init__.py": "NODE_CLASS_MAPPINGS = {}\n"},
    ),
)

NESTED = 'd = {"a": 1}\nNAME = f"{d["a"]}"\n'
VERSIONS = (
    taken(
        "f_string_of_3_12",
        "quotes within an f-string, for a Python that takes them",
        NESTED + HEALTHY,
        "python:3.12-slim",
    ),
    taken(
        "lines_in_an_f_string",
        "line ends within an f-string, for a Python that takes them",
        'A = f"{\n1\n}"\n' + HEALTHY,
        "python:3.13-slim",
    ),
    taken(
        "type_statement",
        "the type statement, for a Python that takes it",
        "type A = int\ndef g[T](x: T) -> T:\n    return x\n" + HEALTHY,
        "python:3.12-slim",
    ),
    taken(
        "except_without_parentheses",
        "except with several names, for a Python that takes them",
        "try:\n    x = 1\nexcept ValueError, KeyError:\n    x = 2\n" + HEALTHY,
        "python:3.14-slim",
    ),
    broken(
        "match_on_3_9",
        "syntax_error",
        "a match statement on a Python that doesn't take it",
        "import sys\nmatch sys.argv:\n    case []:\n        x = 1\n    case _:\n        x = 2\n" + HEALTHY,
        Dockerfile=on("python:3.9-slim"),
    ),
    works(
        "match_on_3_10",
        "a match statement on a Python that takes it",
        "import sys\nmatch sys.argv:\n    case []:\n        x = 1\n    case _:\n        x = 2\n" + HEALTHY,
        Dockerfile=on("python:3.10-slim"),
    ),
    broken(
        "indentation",
        "syntax_error",
        "indentation that no Python takes",
        HEALTHY + "  x = 1\n",
        Dockerfile=on("python:3.13-slim"),
    ),
    broken(
        "conflict_marker",
        "syntax_error",
        "a merge that was committed half done",
        "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n" + HEALTHY,
    ),
    broken(
        "module_does_not_compile",
        "syntax_error",
        "an imported file that doesn't compile",
        "import util\n" + HEALTHY,
        **{"util.py": "def f(:\n    pass\n"},
    ),
)

BESIDE = (
    works(
        "python_2_behind_a_condition",
        "a file for Python 2 that is imported on Python 2 alone",
        "import sys\nif sys.version_info[0] < 3:\n    from compat import two\nelse:\n    from compat import three\n"
        + HEALTHY,
        **{"compat/__init__.py": "", "compat/two.py": "print 'x'\n", "compat/three.py": "x = 1\n"},
    ),
    works(
        "python_2_behind_a_try",
        "an import that may fail",
        "try:\n    import old\nexcept Exception:\n    old = None\n" + HEALTHY,
        **{"old.py": "print 'x'\n"},
    ),
    works(
        "import_for_types_alone",
        "an import that only type checkers see",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import stubs\n" + HEALTHY,
        **{"stubs.py": "def f(:\n"},
    ),
    works(
        "template_beside",
        "files that are no Python yet, and tests that don't compile on purpose",
        HEALTHY,
        **{
            "tests/data/bad.py": "def (",
            "cookiecutter/{{name}}.py": "import {{name}}\n",
            "old/py2.py": "exec 'x'\n",
            "a.ipynb": "{}",
        },
    ),
    works(
        "same_name_as_a_library",
        "a folder with the name of a library",
        "import json\nimport utils\n" + HEALTHY,
        **{"utils/__init__.py": "from .a import b\n", "utils/a.py": "b = 1\n"},
    ),
    works(
        "load_balancer_that_starts",
        "a load-balanced worker that starts a handler",
        HEALTHY,
        **{".runpod/hub.json": hub({"endpointType": "LB"})},
    ),
    untold(
        "load_balancer",
        "load_balancer",
        "a load-balanced worker without a handler",
        "import http.server\n",
        **{".runpod/hub.json": hub({"endpointType": "LB"})},
    ),
    untold(
        "load_balancer_by_its_route",
        "load_balancer",
        "a worker that answers the load balancer's health request, and has no hub.json to say so",
        "from web import App\napp = App()\n@app.get('/ping')\ndef ping():\n    return {}\napp.serve()\n",
    ),
    untold(
        "load_balancer_beside",
        "load_balancer",
        "the health request is answered by a program beside the one that serves",
        None,
        **{"start.sh": "python /app/health.py &\n/opt/serve\n", "health.py": "ROUTES = ['/ping/']\n"},
        Dockerfile=COPY_ALL.replace('["python", "-u", "handler.py"]', '["bash", "start.sh"]'),
    ),
    broken(
        "health_route_in_words",
        "start_call_missing",
        "a comment on /ping is no route, and a test that asks for it no server",
        "# see /ping\nURL = 'https://example.org/ping'\n",
        **{"tests/test_ping.py": "PATH = '/ping'\n"},
    ),
    works("bom", "a byte order mark and Windows line ends", "\ufeff" + HEALTHY.replace("\n", "\r\n")),
    works("form_feed", "form feeds and tabs", "\x0c\nif True:\n\tx = 1\n" + HEALTHY),
    broken("null_byte", "syntax_error", "a NUL in the source", HEALTHY + "\x00"),
)

PYTHON = (*STARTS, *BASES, *VERSIONS, *BESIDE)
