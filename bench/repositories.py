"""Repositories for the benchmark: one that is judged at once, and one whose handler waits until it is told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY runpod.py handler.py test_input.json ./
CMD ["python", "-u", "handler.py"]
"""
# The SDK's local mode, as its log shows it: the real one would have to be downloaded.
SDK = '''\
"""A stand-in for the SDK: its local mode alone."""

import json


class serverless:
    @staticmethod
    def start(config):
        print("--- Starting Serverless Worker |  Version 1.12.0 ---", flush=True)
        print("INFO   | Using test_input.json as job input.")
        with open("test_input.json") as file:
            job = {"id": "local_test", **json.load(file)}
        print("INFO   | local_test | Started.", flush=True)
        output = config["handler"](job)
        print("INFO   | Job local_test completed successfully.")
        print("INFO   | Job result: " + repr({"output": output}))
        print("INFO   | Local testing complete, exiting.", flush=True)
'''
_HANDLER = """\
import os
import time
import uuid

import runpod


def handler(job):
    open(os.path.join({arrivals!r}, uuid.uuid4().hex), "w").close()
    limit = time.monotonic() + 1500
    while not os.path.exists({gate!r}) and time.monotonic() < limit:
        time.sleep(0.5)
    return {{"echo": job["input"]["text"]}}


runpod.serverless.start({{"handler": handler}})
"""


class Gate:
    """Handlers that come to it wait until it is open."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"
        self.arrivals = folder / "arrivals"
        self.arrivals.mkdir(parents=True)

    def arrived(self) -> int:
        """How many handlers have come."""
        return sum(1 for _ in self.arrivals.iterdir())

    def open(self) -> None:
        """Let them go on."""
        self.path.touch()


def instant_repository(path: Path) -> Path:
    """A repository without a Dockerfile: its validation is over at once."""
    if not path.exists():
        _commit(path, {"README.md": "# instant\n"})
    return path


def waiting_repository(path: Path, gate: Gate) -> Path:
    """A worker whose handler waits at `gate`."""
    files = {
        "Dockerfile": DOCKERFILE,
        "README.md": "# waiting\n",
        "runpod.py": SDK,
        "handler.py": _HANDLER.format(arrivals=str(gate.arrivals), gate=str(gate.path)),
        "test_input.json": json.dumps({"input": {"text": "hello"}}),
    }
    _commit(path, files)
    return path


def _commit(path: Path, files: dict[str, str]) -> None:
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_text(content)
    environment = {"PATH": os.environ["PATH"], "HOME": str(path.parent), "GIT_CONFIG_GLOBAL": os.devnull}
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for step in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", str(path), *step], check=True, env=environment, timeout=30)
