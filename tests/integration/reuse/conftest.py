"""A worker's machine in small: the artefact runs there as a command does, and what a task leaves are real processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from janitor.domain.pool.reuse import Judgement, judge_after_task
from janitor.protocol.reuse.order import Before, Process, ReuseOrder
from janitor.protocol.reuse.result import ReuseResult
from janitor.validator.packaging import build_artefact

_LIMIT_SECONDS = 60
_ADOPTS = """\
import ctypes, json, subprocess, sys, tempfile
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become this process's, as they become a machine's first process's
for line in sys.stdin:
    order = json.loads(line)
    with tempfile.TemporaryFile() as said:  # no pipe: what is left behind would hold it open
        started = subprocess.Popen(order["argv"], env=order["env"], stdin=subprocess.DEVNULL, stdout=said,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        code = None if order["stays"] else started.wait(order["limit"])
        said.seek(0)
        told = said.read().decode(errors="replace")
    print(json.dumps({"pid": started.pid, "code": code, "said": told}), flush=True)
"""


@dataclass
class WorkerMachine:
    """Starts commands as an agent does: each leads a session, without a terminal, below one process."""

    folder: Path
    artefact: Path
    process: subprocess.Popen[str]

    @property
    def home(self) -> Path:
        return self.folder / "root"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def run(self, *argv: str, stays: bool = False) -> dict[str, Any]:
        """Run a command to its end, or leave it running."""
        env = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "DOCKER_HOST": "unix:///nowhere/docker.sock",
        }
        order = {"argv": argv, "env": env, "stays": stays, "limit": _LIMIT_SECONDS}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def look(self, order: ReuseOrder) -> tuple[int, ReuseResult, str]:
        """Carry out an order: exit code, answer, and what the command said."""
        asked, answered = self.folder / "order.json", self.folder / "answer.json"
        asked.write_text(replace(order, result_path=str(answered)).to_json())
        answered.unlink(missing_ok=True)
        word = "tripwire" if order.before is None else "scrub"
        done = self.run(sys.executable, "-I", str(self.artefact), word, "--order", str(asked))
        assert answered.exists(), done
        return done["code"], ReuseResult.from_json(answered.read_bytes()), done["said"]

    def first_look(self) -> ReuseResult:
        """Before any task."""
        code, result, said = self.look(self.order(0, None))
        assert (code, result.scrub, result.manifest.is_whole) == (0, None, False), said
        assert result.manifest.is_complete
        return result

    def after_task(self, first: ReuseResult) -> tuple[int, ReuseResult, Judgement]:
        """Clear it and look again; what that shows."""
        processes = tuple(Process(pid=each.pid, started=each.started) for each in first.manifest.processes)
        before = Before(processes=processes, engine=None, gpu_memory_mib=None)
        order = self.order(1, before)
        code, result, _ = self.look(order)
        return code, result, judge_after_task(first.manifest, order, result)

    def order(self, ordinal: int, before: Before | None) -> ReuseOrder:
        return ReuseOrder(
            worker_id="3f2a0b1c-0000-4000-8000-000000000001",
            ordinal=ordinal,
            nonce=uuid4().hex,
            limit=timedelta(seconds=_LIMIT_SECONDS),
            before=before,
        )


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_artefact(tmp_path_factory.mktemp("artefact")).path


@pytest.fixture
def machine(tmp_path: Path, artefact: Path) -> Iterator[WorkerMachine]:
    for name in ("root", "tmp", "bin"):
        (tmp_path / name).mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", _ADOPTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield WorkerMachine(tmp_path, artefact, process)
    finally:
        for each in (*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.communicate(timeout=10)


Plant = Callable[[WorkerMachine], None]
