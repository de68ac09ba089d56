"""The repositories that cells validate: real git, no package to download, a handler that waits for a word."""

from __future__ import annotations

import atexit
import json
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.repositories import DOCKERFILE, SDK
from tests.crash.cells import Cell
from tests.support.workers import WorkerRepository, make_repository, write_config

GRACE = timedelta(seconds=3)
_POOL: Mapping[str, Any] = {
    "pools": [{"name": "gpu", "max": 1, "idle_timeout_minutes": 0.05, "max_lifetime_minutes": 60}],
    "default_pool": "gpu",
}
"""One worker for all: who comes second waits for it."""
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
    """The handlers of one cell go on when it is open.

    It is a file in the machine's temporary folder: handlers may be another user, who passes no folder of ours.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.gettempdir()) / f"janitor-gate-{uuid4().hex}"
        atexit.register(self.path.unlink, missing_ok=True)

    def open(self) -> None:
        """Let them go on."""
        self.path.touch()


def prepare(cell: Cell, folder: Path) -> tuple[Path, Gate]:
    """Make a cell's repositories and its config.

    Returns:
        The config, and the gate at which the handlers wait.
    """
    gate = Gate()
    workers = [_make_worker(folder, f"worker-{index}", gate) for index in range(cell.repositories)]
    market = {"default_market": cell.market} if cell.market else {}
    config = write_config(
        folder / "workers.yaml",
        [worker.entry() for worker in workers],
        default_timeout_minutes=cell.timeout.total_seconds() / 60,
        grace_minutes=GRACE.total_seconds() / 60,
        **market,
        **(_POOL if cell.is_pooled else {}),
    )
    return config, gate


def write_pools(path: Path) -> Path:
    """Write a deployment's configuration, whose pools are those that pooled cells name."""
    worker = WorkerRepository(name="of-nobody", path=path.parent / "of-nobody")
    return write_config(path, [worker.entry()], grace_minutes=GRACE.total_seconds() / 60, **_POOL)


def _make_worker(folder: Path, name: str, gate: Gate) -> WorkerRepository:
    files = {
        "Dockerfile": DOCKERFILE,
        "README.md": f"# {name}\n",
        "runpod.py": SDK,
        "handler.py": _HANDLER.format(gate=str(gate.path), limit=_WAITS_SECONDS),
        "test_input.json": json.dumps({"input": {"text": "hello"}}),
    }
    make_repository(folder / name, files)
    return WorkerRepository(name=name, path=folder / name)
