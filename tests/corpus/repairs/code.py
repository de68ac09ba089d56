"""What takes somebody who reads code, what nobody can repair, and what isn't the repository's fault at all."""

from __future__ import annotations

from tests.corpus.repairs.case import SDK_LINE, SERVICE, WITHOUT_WORDS, RepairCase, Truth, about, library
from tests.corpus.workers import DOCKERFILE, HEALTHY, cases_json, handler

RAISED = ("handler_local", "handler_raised")


def _code(name: str, holds: str, source: str, signature: tuple[str, str], **files: str | None) -> RepairCase:
    return RepairCase(
        name=f"code_{name}",
        holds=holds,
        truth=Truth.AGENT,
        signature=signature,
        files={"handler.py": source, **files},
    )


CODE = (
    _code(
        "raises",
        "a key that the input hasn't",
        handler("return {'words': len(job['input']['prompt'].split())}"),
        RAISED,
    ),
    _code(
        "syntax",
        "a file that doesn't compile",
        HEALTHY.replace("def handler(job):", "def handler(job)"),
        ("python_static", "syntax_error"),
    ),
    _code(
        "no_start",
        "the SDK is never started",
        HEALTHY.replace('runpod.serverless.start({"handler": handler})', ""),
        ("python_static", "start_call_missing"),
    ),
    _code(
        "returns_none",
        "the handler returns nothing",
        handler("job['input'].get('text')"),
        ("handler_local", "empty_output"),
    ),
    _code(
        "nested_error",
        "an error within the result",
        handler("return {'result': {'error': 'no model'}}"),
        ("handler_local", "nested_error"),
    ),
    _code(
        "wrong_output",
        "another output than is expected",
        HEALTHY.replace('"words":', '"count":'),
        ("handler_api", "output_mismatch"),
        **{
            ".runpod/tests.json": cases_json(
                {"input": {"text": "a b"}, "timeout": 20000, "expectedOutput": {"words": 2}}
            )
        },
    ),
    _code(
        "exits",
        "the program ends before it starts the SDK",
        HEALTHY.replace("import runpod\n", "import runpod\n\nLIMIT = int('many')\n"),
        ("handler_local", "start_failed"),
    ),
    _code(
        "command",
        "the command starts another file",
        HEALTHY,
        ("dockerfile_parse", "command_target_missing"),
        **{"Dockerfile": DOCKERFILE.replace('"handler.py"', '"worker.py"')},
    ),
    _code(
        "dockerfile",
        "an instruction that there isn't",
        HEALTHY,
        ("dockerfile_parse", "dockerfile_syntax"),
        **{"Dockerfile": DOCKERFILE.replace("WORKDIR", "WORKDIRECTORY")},
    ),
    _code(
        "own_import",
        "a name that its own module hasn't",
        HEALTHY.replace("import runpod\n", "import runpod\n\nfrom words import total\n"),
        ("handler_local", "start_failed"),
        **{
            "words.py": "count = len\n",
            "Dockerfile": DOCKERFILE.replace("COPY handler.py", "COPY words.py handler.py"),
        },
    ),
)

_ASKS = """\
import urllib.request

import runpod
MODULES

def handler(job):
    text = job["input"].get("text")
    if not isinstance(text, str):
        return {"error": "input.text must be a string"}
    try:
        urllib.request.urlopen("http://{service}/ready").read()
    except OSError:
        raise RuntimeError("the model is not loaded") from None
    return {"words": len(text.split())}


runpod.serverless.start({"handler": handler})
"""
ASKING = _ASKS.replace("{service}", SERVICE)

ELSEWHERE = (
    RepairCase(
        name="index_down",
        holds="the package index is down",
        truth=Truth.ELSEWHERE,
        index_is_down=True,
    ),
    RepairCase(
        name="flaky_drift",
        holds="FALSE FIX: a server that was away for a moment, while a package changed that has nothing to do with it",
        truth=Truth.ELSEWHERE,
        signature=RAISED,
        files={
            "requirements.txt": f"{SDK_LINE}alpha\n",
            "handler.py": ASKING.replace("MODULES", "import alpha\n"),
        },
        service=(500, 200),
        then=(library("alpha", "1.4"),),
        now=(library("alpha", "1.4"), library("alpha", "2.0", WITHOUT_WORDS)),
    ),
    RepairCase(
        name="flaky",
        holds="a server that was away for a moment",
        truth=Truth.ELSEWHERE,
        signature=RAISED,
        files={"handler.py": ASKING.replace("MODULES", "")},
        service=(500, 200),
    ),
    RepairCase(
        name="healthy",
        holds="nothing is wrong",
        truth=Truth.ELSEWHERE,
    ),
)

NOBODY = (
    RepairCase(
        name="service_gone",
        holds="a service that the handler needs is gone for good",
        truth=Truth.NOBODY,
        signature=RAISED,
        files={"handler.py": ASKING.replace("MODULES", "")},
        service=(500,),
    ),
    RepairCase(
        name="wrong_package_blamed",
        holds="FALSE FIX: the one package that changed isn't what broke it",
        truth=Truth.NOBODY,
        signature=RAISED,
        files={"requirements.txt": f"{SDK_LINE}alpha\n", "handler.py": ASKING.replace("MODULES", "import alpha\n")},
        then=(library("alpha", "1.4"),),
        now=(library("alpha", "1.4"), library("alpha", "2.0")),
        service=(500,),
    ),
)

CODE_CASES = (*about("code", CODE), *about("elsewhere", ELSEWHERE), *about("nobody", NOBODY))
