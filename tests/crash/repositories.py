"""The repositories that cells validate: real git, no package to download, a handler that waits for a word."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from tests.crash.cells import Cell
from tests.support.workers import WorkerRepository, make_repository, write_config

GRACE = timedelta(seconds=3)
_DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY runpod.py handler.py test_input.json ./
CMD ["python", "-u", "handler.py"]
"""
# The SDK's local mode, as its log shows it: the real one would have to be downloaded.
_SDK = '''\
"""A stand-in for the SDK: its local mode alone."""

import json
from datetime import timedelta


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

import runpod

GATE = {gate!r}
LIMIT = time.monotonic() + {limit}


def handler(job):
    while not os.path.exists(GATE) and time.monotonic() < LIMIT:
        time.sleep(0.1)
    return {{"echo": job["input"]["text"]}}


runpod.serverless.start({{"handler": handler}})
"""
_WAITS_SECONDS = 600
"""Longer than any hard limit here: a gate that stays shut means work that never ends."""


class Gate:
    """The handlers of one cell go on when it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        """Let them go on."""
        self.path.touch()


def prepare(cell: Cell, folder: Path) -> tuple[Path, Gate]:
    """Make a cell's repositories and its config.

    Returns:
        The config, and the gate at which the handlers wait.
    """
    gate = Gate(folder / "gate")
    workers = [_make_worker(folder, f"worker-{index}", gate) for index in range(cell.repositories)]
    market = {"default_market": cell.market} if cell.market else {}
    config = write_config(
        folder / "workers.yaml",
        [worker.entry() for worker in workers],
        default_timeout_minutes=cell.timeout.total_seconds() / 60,
        grace_minutes=GRACE.total_seconds() / 60,
        **market,
    )
    return config, gate


def _make_worker(folder: Path, name: str, gate: Gate) -> WorkerRepository:
    files = {
        "Dockerfile": _DOCKERFILE,
        "README.md": f"# {name}\n",
        "runpod.py": _SDK,
        "handler.py": _HANDLER.format(gate=str(gate.path), limit=_WAITS_SECONDS),
        "test_input.json": json.dumps({"input": {"text": "hello"}}),
    }
    make_repository(folder / name, files)
    return WorkerRepository(name=name, path=folder / name)
