"""The healthy worker that most cases are a change of."""

from __future__ import annotations

import json
from typing import Any

SDK = "runpod==1.12.0\n"
DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY handler.py test_input.json ./
CMD ["python", "-u", "handler.py"]
"""
_APT_PYTHON = "RUN apt-get update && apt-get install -y python3 python3-pip python-is-python3\n"


def on(base: str) -> str:
    """The Dockerfile on another base; CUDA's own images bring no Python."""
    return DOCKERFILE.replace("FROM python:3.11-slim\n", f"FROM {base}\n{_APT_PYTHON if 'nvidia/cuda' in base else ''}")


COPY_ALL = DOCKERFILE.replace("COPY handler.py test_input.json ./", "COPY . .")
NO_TEST_INPUT = DOCKERFILE.replace("COPY handler.py test_input.json ./", "COPY handler.py ./")


def handler(body: str, *, definition: str = "def handler(job):", before: str = "", start: str = "") -> str:
    """A handler file."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    start = start or 'runpod.serverless.start({"handler": handler})'
    return f"import runpod\n{before}\n\n{definition}\n{indented}\n\n\n{start}\n"


def returns(expression: str, before: str = "") -> dict[str, str | None]:
    """The file of a handler that does nothing but return something."""
    return {"handler.py": handler(f"return {expression}", before=before)}


HEALTHY = handler(
    'text = job["input"].get("text")\n'
    "if not isinstance(text, str):\n"
    '    return {"error": "input.text must be a string"}\n'
    'return {"words": len(text.split())}'
)
BASE: dict[str, str | None] = {
    "Dockerfile": DOCKERFILE,
    "requirements.txt": SDK,
    "handler.py": HEALTHY,
    "test_input.json": '{"input": {"text": "one two"}}\n',
    "README.md": "# worker\n",
}


def hub(config: dict[str, Any] | None = None, **changes: Any) -> str:
    """A hub.json; None among the changes takes a field away."""
    settings = {"runsOn": "CPU", "containerDiskInGb": 5, "cpuFlavor": "cpu3c", **(config or {})}
    document = {
        "title": "Worker",
        "description": "Counts words",
        "type": "serverless",
        "category": "language",
        "config": {name: value for name, value in settings.items() if value is not None},
        **changes,
    }
    return json.dumps({name: value for name, value in document.items() if value is not None}, indent=2)


GPU_HUB = {"runsOn": "GPU", "cpuFlavor": None, "gpuCount": 1, "gpuIds": "AMPERE_24,ADA_24,-NVIDIA L4"}


def cases_json(*cases: dict[str, Any], config: dict[str, Any] | None = None) -> str:
    """A tests.json; a case needs no more than its input."""
    listed = [{"name": f"case_{number}", **case} for number, case in enumerate(cases, start=1)]
    return json.dumps({"tests": listed, "config": config or {}}, indent=2)


def case(text: str = "one two", **changes: Any) -> dict[str, Any]:
    """A case of tests.json."""
    return {"input": {"text": text}, "timeout": 20_000, **changes}


def only_api(source: str, *cases: dict[str, Any]) -> dict[str, str | None]:
    """The files of a worker that is tested by tests.json alone."""
    files = {"handler.py": source, "test_input.json": None, "Dockerfile": NO_TEST_INPUT}
    return {**files, ".runpod/tests.json": cases_json(*(cases or (case(),)))}
