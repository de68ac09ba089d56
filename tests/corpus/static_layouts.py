"""Workers of unusual layouts that are right, and the same layouts with one fault that needs no build to be seen."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Expected, Kind, fails, passes, skips
from tests.corpus.workers import DOCKERFILE, HEALTHY, handler, hub

C, R = CheckName, ReportStatus
_START = 'runpod.serverless.start({"handler": handler})\n'
_COPY = "COPY handler.py test_input.json ./\n"

_UV = """\
FROM python:3.11-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.31 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml ./
RUN uv sync --no-install-project
COPY handler.py test_input.json ./
CMD ["uv", "run", "--no-sync", "python", "-u", "handler.py"]
"""
_PROJECT = '[project]\nname = "worker"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["runpod==1.12.0"]\n'
_VENV_COPIED = """\
FROM python:3.11-slim AS builder
COPY requirements.txt .
RUN python -m venv /opt/venv && /opt/venv/bin/pip install -r requirements.txt
FROM python:3.11-slim
COPY --from=builder /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY handler.py test_input.json ./
CMD ["python", "-u", "handler.py"]
"""
_CONDA = """\
FROM continuumio/miniconda3:24.5.0-0
WORKDIR /app
COPY requirements.txt .
RUN conda create --yes --name worker python=3.11 && conda run --name worker pip install -r requirements.txt
COPY handler.py test_input.json ./
CMD ["conda", "run", "--no-capture-output", "--name", "worker", "python", "-u", "handler.py"]
"""
_ENTRYPOINT = DOCKERFILE.replace(
    "CMD", 'COPY entrypoint.sh /entrypoint.sh\nRUN chmod +x /entrypoint.sh\nENTRYPOINT ["/entrypoint.sh"]\nCMD'
)
_EXEC = '#!/bin/sh\nset -e\nulimit -n 1024\nexec "$@"\n'
_PACKAGE = DOCKERFILE.replace(_COPY, "COPY worker worker\nCOPY test_input.json ./\n").replace(
    '"handler.py"', '"-m", "worker.main"'
)
_MADE_SCRIPT = DOCKERFILE.replace(
    'CMD ["python", "-u", "handler.py"]',
    'COPY <<"EOF" /start.sh\n#!/bin/bash\nexec python -u handler.py\nEOF\nCMD ["bash", "/start.sh"]',
)
_ACTIVATED = """\
FROM python:3.11-slim
SHELL ["/bin/bash", "-c"]
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /opt/venv && source /opt/venv/bin/activate && pip install -r requirements.txt
COPY handler.py test_input.json ./
CMD source /opt/venv/bin/activate && exec python -u handler.py
"""
_TINI = DOCKERFILE.replace("WORKDIR", "RUN apt-get update && apt-get install -y tini\nWORKDIR").replace(
    "CMD", 'ENTRYPOINT ["/usr/bin/tini", "--"]\nCMD'
)
_STREAM = handler(
    'for word in job["input"]["text"].split():\n    yield {"word": word}', definition="async def handler(job):"
)
_LB = hub({"endpointType": "LB"})
_SERVED = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/ping")
def ping():
    return {"status": "healthy"}
"""
_LB_FILES: dict[str, str | None] = {
    ".runpod/hub.json": _LB,
    "app.py": _SERVED,
    "handler.py": None,
    "test_input.json": None,
    "requirements.txt": "fastapi==0.115.0\nuvicorn==0.30.6\n",
    "Dockerfile": DOCKERFILE.replace(_COPY, "COPY app.py ./\n").replace(
        'CMD ["python", "-u", "handler.py"]', 'CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "80"]'
    ),
}
_IN_PACKAGE: dict[str, str | None] = {
    "handler.py": None,
    "worker/__init__.py": "",
    "worker/words.py": "def count(text):\n    return len(text.split())\n",
    "worker/main.py": "import runpod\n\nfrom worker.words import count\n\n\ndef handler(job):\n"
    f'    return {{"words": count(job["input"]["text"])}}\n\n\n{_START}',
}


def _right(name: str, holds: str, files: dict[str, str | None], *expected: Expected) -> Case:
    return Case(
        name=f"layout_{name}",
        holds=f"FALSE BLAME: {holds}",
        truth=R.SUCCESS,
        expected=expected or (passes(C.DOCKERFILE_PARSE), passes(C.PYTHON_STATIC)),
        files=files,
        kind=Kind.STATIC,
    )


def _wrong(name: str, holds: str, files: dict[str, str | None], check: CheckName, code: str) -> Case:
    return Case(
        name=f"layout_{name}",
        holds=f"FALSE PASS: {holds}",
        truth=R.FAILED,
        expected=(fails(check, code),),
        files=files,
        kind=Kind.STATIC,
    )


LAYOUTS = (
    _right("uv_project", "a uv project, started by uv run", {"Dockerfile": _UV, "pyproject.toml": _PROJECT}),
    _right(
        "venv_copied", "an environment that is made in one stage and copied into another", {"Dockerfile": _VENV_COPIED}
    ),
    _right(
        "stage_by_its_number",
        "a stage is copied from by its number",
        {"Dockerfile": _VENV_COPIED.replace("=builder", "=0")},
    ),
    _right("conda_environment", "a conda environment of a name, started by conda run", {"Dockerfile": _CONDA}),
    _right(
        "entrypoint_script", "an entrypoint script that runs CMD", {"Dockerfile": _ENTRYPOINT, "entrypoint.sh": _EXEC}
    ),
    _right("package_as_module", "a package that python -m starts", {"Dockerfile": _PACKAGE, **_IN_PACKAGE}),
    _right("script_from_a_heredoc", "a start script that the Dockerfile itself holds", {"Dockerfile": _MADE_SCRIPT}),
    _right("shell_form_that_activates", "a shell form that activates an environment", {"Dockerfile": _ACTIVATED}),
    _right("init_before_the_program", "tini before the program", {"Dockerfile": _TINI}),
    _right(
        "async_generator",
        "an async generator as handler, and nothing that the hub would read",
        {"handler.py": _STREAM},
        passes(C.PYTHON_STATIC),
        skips(C.CONFIG_CONSISTENCY, "absent"),
    ),
    _right("load_balancer", "a worker that serves HTTP itself", _LB_FILES, skips(C.PYTHON_STATIC, "load_balancer")),
    _right(
        "started_under_a_condition",
        "the start call stands under a main guard",
        {"handler.py": HEALTHY.replace(_START, f'if __name__ == "__main__":\n    {_START}')},
    ),
    _wrong(
        "uv_project_not_copied",
        "a uv project whose pyproject.toml is not there",
        {"Dockerfile": _UV},
        C.DOCKERFILE_PARSE,
        "copy_source_missing",
    ),
    _wrong(
        "venv_copied_without_a_start",
        "the program of the last stage starts no SDK",
        {"Dockerfile": _VENV_COPIED, "handler.py": HEALTHY.replace(_START, "print(handler({'input': {}}))\n")},
        C.PYTHON_STATIC,
        "start_call_missing",
    ),
    _wrong(
        "conda_file_missing",
        "the requirements of a conda environment are not there",
        {"Dockerfile": _CONDA.replace("COPY requirements.txt", "COPY environment.yml")},
        C.DOCKERFILE_PARSE,
        "copy_source_missing",
    ),
    _wrong(
        "entrypoint_script_missing",
        "the entrypoint script is not in the repository",
        {"Dockerfile": _ENTRYPOINT},
        C.DOCKERFILE_PARSE,
        "copy_source_missing",
    ),
    _wrong(
        "module_of_the_package_broken",
        "a module that the package's main imports does not compile",
        {"Dockerfile": _PACKAGE, **_IN_PACKAGE, "worker/words.py": "def count(text)\n    return 1\n"},
        C.PYTHON_STATIC,
        "syntax_error",
    ),
    _wrong(
        "package_without_a_start",
        "the package that python -m starts never starts the SDK",
        {
            "Dockerfile": _PACKAGE,
            **_IN_PACKAGE,
            "worker/main.py": "from worker.words import count\n\nprint(count('a b'))\n",
        },
        C.PYTHON_STATIC,
        "start_call_missing",
    ),
    _wrong(
        "stage_that_is_none",
        "a file is copied from a stage by a number that no stage has",
        {"Dockerfile": _VENV_COPIED.replace("--from=builder", "--from=7")},
        C.DOCKERFILE_PARSE,
        "dockerfile_syntax",
    ),
    _wrong(
        "heredoc_without_an_end",
        "a heredoc that never ends",
        {"Dockerfile": _MADE_SCRIPT.replace("\nEOF\n", "\nEOT\n")},
        C.DOCKERFILE_PARSE,
        "dockerfile_syntax",
    ),
    _wrong(
        "async_generator_broken",
        "an async generator that returns a value does not compile",
        {"handler.py": _STREAM.replace('yield {"word": word}', 'yield word\n    return "done"')},
        C.PYTHON_STATIC,
        "syntax_error",
    ),
    _wrong(
        "load_balancer_with_an_odd_endpoint",
        "an endpoint type that the hub doesn't know",
        {**_LB_FILES, ".runpod/hub.json": hub({"endpointType": "ALB"})},
        C.HUB_SCHEMA,
        "hub_invalid",
    ),
)
