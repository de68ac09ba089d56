"""Parts with which the agent is tried without an endpoint: scripted models and a started sandbox."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage

from janitor.agent.executors.jail import JailExecutor
from janitor.agent.repository_copy import pack_repository
from janitor.agent.runner import answer_prompt
from janitor.agent.settings import AgentSettings
from janitor.agent.transcript import Transcript
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import AgentLimits
from janitor.protocol.agent.work import AgentAnswer

KEY = "sk-very-secret-key-of-the-agent-0123456789"


def verdict(status: str = "pass", summary: str = "works", findings: Any = ()) -> ToolCallPart:
    """A call of the verdict tool."""
    return ToolCallPart("submit_verdict", {"status": status, "summary": summary, "findings": list(findings)})


def command(text: str, **more: Any) -> ToolCallPart:
    """A call of run_command."""
    return ToolCallPart("run_command", {"command": text, **more})


def finding(evidence: str, severity: str = "high", **more: Any) -> dict[str, Any]:
    """A finding of a verdict."""
    return {"title": "found", "severity": severity, "evidence": evidence, **more}


@dataclass
class Script:
    """A model that says what it was told to, and remembers which tools it was offered."""

    model: Model
    offered: list[list[str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def scripted(*steps: list[ToolCallPart | TextPart]) -> Script:
    """A model that answers with one step after the other, and then with the last one."""
    waiting = list(steps)
    script = Script(model=None)  # type: ignore[arg-type]  # named by the caller

    def respond(messages: Any, info: Any) -> ModelResponse:
        script.offered.append([tool.name for tool in info.function_tools])
        script.messages.append(repr(messages[-1]))
        step = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return ModelResponse(parts=list(step), usage=RequestUsage(input_tokens=2_000, output_tokens=100))

    script.model = FunctionModel(respond, model_name="scripted")
    return script


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository's files."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "handler.py").write_text("import runpod\nprint('hello from the handler')\n")
    (folder / "README.md").write_text("# worker\n")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> AgentSettings:
    """Of a process with a temporary folder of its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return AgentSettings(temporary=str(folder), path=os.environ["PATH"])


@pytest.fixture
def transcript_path(tmp_path: Path) -> Path:
    """Where the transcript goes."""
    return tmp_path / "transcript.jsonl"


@pytest.fixture
def ask(checkout: Path, settings: AgentSettings, transcript_path: Path) -> Iterator[Callable[..., AgentAnswer]]:
    """Runs the agent in a real sandbox on the checkout."""
    if os.geteuid() != 0:
        pytest.skip("skipped: the sandbox of namespaces needs root, which this machine's user is not")

    def run(
        model: Model | Script, *, checks: Any = (), prompt: str = "validate the repo", **limits: Any
    ) -> AgentAnswer:
        async def work() -> AgentAnswer:
            redactor = Redactor([KEY])
            executor = JailExecutor(settings)
            archive, _ = pack_repository(checkout)
            transcript = Transcript(transcript_path, redactor)
            try:
                await executor.start(archive)
                return await answer_prompt(
                    prompt,
                    model=model.model if isinstance(model, Script) else model,
                    model_name="openai:scripted",
                    checks=checks,
                    executor=executor,
                    transcript=transcript,
                    redactor=redactor,
                    limits=AgentLimits(**limits),
                )
            finally:
                transcript.close()
                await executor.stop()

        return asyncio.run(work())

    yield run
    assert os.listdir(settings.temporary) == []
