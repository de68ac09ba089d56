"""Orders for the agent, and its process as the validator starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from janitor.protocol.agent.answers import AgentLimits, AgentSpec
from janitor.protocol.agent.work import AgentAnswer, AgentOrder

LOOK = {"tool": "run_command", "args": {"command": "python3 app.py || sh app.sh"}}
PASS = {
    "tool": "submit_verdict",
    "args": {
        "status": "pass",
        "summary": "it works",
        "findings": [{"title": "runs", "severity": "info", "evidence": "hello from the app"}],
    },
}
SCRIPT = [{"tool": "list_files", "args": {}}, LOOK, PASS]
MODELS = {
    "openai": "openai:local-model",
    "anthropic": "anthropic:claude-sonnet-4-6",
    "bedrock": "bedrock:us.anthropic.claude-sonnet-4-6",
}

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="skipped: the sandbox of namespaces needs root, which this machine's user is not"
)


def run(command: str, **more: Any) -> dict[str, Any]:
    """A step that runs a command."""
    return {"tool": "run_command", "args": {"command": command, **more}}


def verdict(status: str, summary: str = "done", *findings: Mapping[str, Any]) -> dict[str, Any]:
    """A step that gives a verdict."""
    return {"tool": "submit_verdict", "args": {"status": status, "summary": summary, "findings": list(findings)}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository's files."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "app.sh").write_text("echo hello from the app\n")
    (folder / "README.md").write_text("# worker\n")
    return folder


@pytest.fixture
def order_for(checkout: Path) -> Callable[..., AgentOrder]:
    """Makes an order for a provider's model at an endpoint."""

    def make(kind: str, url: str | None, *, seconds: float = 400, **more: Any) -> AgentOrder:
        limits = more.pop("limits", {})
        spec = {"region": "us-east-1", **more.pop("spec", {})}
        base = None if url is None else url + ("/v1" if kind == "openai" else "")
        return AgentOrder(
            validation_id=str(uuid.uuid4()),
            prompt="validate the repo and see if its still working",
            agent=AgentSpec(model=MODELS[kind], base_url=base, limits=AgentLimits(**limits), **spec),
            checks=(),
            checkout=str(checkout),
            deadline=datetime.now(timezone.utc) + timedelta(seconds=seconds),
            **more,
        )

    return make


@dataclass
class Answered:
    """What the agent's process left."""

    exit_code: int
    output: str
    answer: AgentAnswer
    transcript: str
    folder: Path
    pid: int


@pytest.fixture
def agent_process(tmp_path: Path) -> Iterator[Callable[..., Answered]]:
    """Runs an order as the validator has it run: in a process of its own, with an environment of its own."""
    started: list[subprocess.Popen[str]] = []

    def answer(order: AgentOrder, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Answered:
        folder = tmp_path / f"agent-{len(started)}"
        (folder / "home").mkdir(parents=True, mode=0o700)
        folder.chmod(0o700)
        (folder / "order.json").write_text(order.to_json())
        (folder / "order.json").chmod(0o600)
        env = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "TMPDIR": str(folder / "home")}
        files = {"order": "order.json", "answer": "answer.json", "transcript": "transcript.jsonl"}
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "janitor.agent", *(f"--{key}={folder / name}" for key, name in files.items())],
            env={**env, **(environment or {})},
            cwd=cwd or folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        output, _ = process.communicate(timeout=120)
        transcript = folder / "transcript.jsonl"
        assert (folder / "answer.json").exists(), output
        return Answered(
            exit_code=process.returncode,
            output=output,
            answer=AgentAnswer.from_json((folder / "answer.json").read_bytes()),
            transcript=transcript.read_text() if transcript.exists() else "",
            folder=folder,
            pid=process.pid,
        )

    yield answer
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(120)
