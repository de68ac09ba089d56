"""Small worker repositories made for one test: real git, the real SDK, a handler of the test's choice."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY handler.py test_input.json ./
CMD ["python", "-u", "handler.py"]
"""
_PROGRAM = """\
import os
import time

import runpod


def handler(job):
{body}

runpod.serverless.start({{"handler": handler}})
"""


@dataclass(frozen=True)
class WorkerRepository:
    """A repository and its entry in a workers config."""

    name: str
    path: Path

    def entry(self, **fields: Any) -> dict[str, Any]:
        """The repository's entry; `fields` come beside the usual ones."""
        return {
            "name": self.name,
            "organization": "tests",
            "prompt": "validate the repo and see if its still working",
            "gpu_required": False,
            "url": f"file://{self.path}",
            **fields,
        }


def make_worker(folder: Path, name: str, *, body: str, requirements: str) -> WorkerRepository:
    """A worker whose handler runs `body` (statements that see `job`)."""
    path = folder / name
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    files = {
        "Dockerfile": _DOCKERFILE,
        "README.md": f"# {name}\n",
        "requirements.txt": requirements,
        "handler.py": _PROGRAM.format(body=indented),
        "test_input.json": json.dumps({"input": {"text": "hello"}}),
    }
    make_repository(path, files)
    return WorkerRepository(name=name, path=path)


def make_repository(path: Path, files: dict[str, str]) -> None:
    """A git repository with one commit of `files`."""
    path.mkdir(parents=True)
    for file, content in files.items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text(content)
    environment = {"PATH": os.environ["PATH"], "HOME": str(path), "GIT_CONFIG_GLOBAL": os.devnull}
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    for step in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", str(path), *step], check=True, env=environment, timeout=60)


def write_config(path: Path, repositories: list[dict[str, Any]], **settings: Any) -> Path:
    """A workers config; JSON is YAML."""
    path.write_text(json.dumps({"repositories": repositories, **settings}, indent=1))
    return path
