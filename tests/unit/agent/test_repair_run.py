"""The agent's other work with scripted models: what it proposes is what lies in the sandbox, with evidence."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import TextPart, ToolCallPart

from janitor.agent.executors.jail import JailExecutor
from janitor.agent.repair.runner import propose_repair
from janitor.agent.repository_copy import pack_repository
from janitor.agent.settings import AgentSettings
from janitor.agent.transcript import Transcript
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import AgentLimits
from janitor.protocol.agent.repair import RepairAnswer
from janitor.protocol.agent.work import AgentState
from tests.unit.agent.conftest import KEY, Script, command, scripted

CHECKS = (
    {"name": "handler_local", "status": "fail", "reason": "AttributeError: no attribute 'bool8'", "evidence": []},
)
EVIDENCE = "AttributeError: no attribute 'bool8'"
Ask = Callable[..., RepairAnswer]


def call(tool: str, **arguments: Any) -> ToolCallPart:
    return ToolCallPart(tool, arguments)


def submit(*files: str, evidence: str = EVIDENCE, **more: Any) -> ToolCallPart:
    said = {"summary": "Say hello otherwise", "root_cause": "It said it wrongly.", "confidence": 0.8}
    return ToolCallPart("submit_repair", {**said, "evidence": [evidence], "files": list(files), **more})


@pytest.fixture
def repair(checkout: Path, settings: AgentSettings, transcript_path: Path) -> Iterator[Ask]:
    """Runs it in a real sandbox on the checkout."""
    if os.geteuid() != 0:
        pytest.skip("skipped: the sandbox of namespaces needs root, which this machine's user is not")

    def run(script: Script, **limits: Any) -> RepairAnswer:
        async def work() -> RepairAnswer:
            redactor, executor = Redactor([KEY]), JailExecutor(settings)
            archive, _ = pack_repository(checkout)
            transcript = Transcript(transcript_path, redactor)
            try:
                await executor.start(archive)
                return await propose_repair(
                    model=script.model,
                    model_name="openai:scripted",
                    checks=CHECKS,
                    changes=("numpy 1.26.4 → 2.0.0",),
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


def test_a_change_is_what_lies_in_the_sandbox_at_the_end(repair: Ask, checkout: Path) -> None:
    before = (checkout / "handler.py").read_text()
    script = scripted(
        [call("replace_in_file", path="handler.py", old="hello", new="good day")],
        [call("write_file", path="new/deep/notes.txt", content="ünïcode\n")],
        [call("show_diff")],
        [command("rm README.md && sed -i s/day/evening/ handler.py")],
        [submit("handler.py", "./new/deep/notes.txt", "README.md", "not-there.txt")],
    )
    answer = repair(script)
    assert answer.state is AgentState.COMPLETED, answer
    assert answer.draft is not None
    files = {each.path: each.content for each in answer.draft.files}
    assert files == {
        "handler.py": before.replace("hello", "good evening"),
        "new/deep/notes.txt": "ünïcode\n",
        "README.md": None,
        "not-there.txt": None,
    }
    assert "+print('good day from the handler')" in script.messages[3]
    assert script.offered[0][-3:] == ["write_file", "replace_in_file", "show_diff"]
    assert (checkout / "handler.py").read_text() == before
    assert answer.usage.cost_usd is None


def test_a_large_file_is_written_and_read_whole(repair: Ask) -> None:
    text = "".join(f"{number} naïve line\n" for number in range(12_000))
    answer = repair(scripted([call("write_file", path="big.txt", content=text)], [submit("big.txt")]))
    assert answer.draft is not None, answer
    assert answer.draft.files[0].content == text


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([[command("ln -sf /etc/passwd handler.py")], [submit("handler.py")]], "is a link"),
        ([[command("rm README.md && mkdir README.md")], [submit("README.md")]], "no file"),
        ([[submit("../outside")]], "no path of a file"),
        ([[submit("/etc/passwd")]], "relative to the workspace"),
        ([[command("head -c 500000 /dev/zero > big")], [submit("big")]], "at most 400000"),
        ([[command("printf '\\377' > binary")], [submit("binary")]], "no text"),
        ([[submit("handler.py", evidence="it broke since Tuesday")]], "not a verbatim excerpt"),
        (
            [[command("echo I made this up myself")], [submit("handler.py", evidence="I made this up myself")]],
            "verbatim",
        ),
        ([[submit()]], "files"),
        ([[submit(abstain="the cause is not in the repository")]], "the model abstains: the cause"),
    ],
)
def test_what_cant_be_taken_is_no_draft(repair: Ask, steps: list[list[ToolCallPart | TextPart]], said: str) -> None:
    answer = repair(scripted(*steps))
    assert (answer.state, answer.draft) == (AgentState.COMPLETED, None)
    assert said in (answer.reason or "")


def test_a_tool_never_writes_through_a_link(repair: Ask) -> None:
    script = scripted(
        [command("ln -s handler.py link && ln -s /run outside")],
        [call("write_file", path="link", content="x")],
        [call("replace_in_file", path="link", old="hello", new="x")],
        [call("write_file", path="outside/x", content="x")],
        [call("replace_in_file", path="handler.py", old="nothing of this", new="x")],
        [submit("handler.py")],
    )
    answer = repair(script)
    assert "is a link" in script.messages[2]
    assert "is a link" in script.messages[3]
    assert "can't be written" in script.messages[4]
    assert "stands 0 times" in script.messages[5]
    assert answer.draft is not None
    assert "hello from the handler" in (answer.draft.files[0].content or "")


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        ({"turns": 2}, AgentState.LIMIT_EXCEEDED),
        ({"tokens": 5_000}, AgentState.LIMIT_EXCEEDED),
        ({"wall_clock": timedelta(seconds=1)}, AgentState.TIMED_OUT),
    ],
)
def test_a_limit_ends_it_without_a_draft(repair: Ask, limits: dict[str, Any], state: AgentState) -> None:
    answer = repair(scripted([command("sleep 0.5")]), **limits)
    assert (answer.state, answer.draft) == (state, None)
    assert answer.usage.turns >= 1


def test_beyond_the_limit_of_calls_nothing_is_changed(repair: Ask) -> None:
    many: list[ToolCallPart | TextPart] = [call("write_file", path=f"{number}.txt", content="x") for number in range(4)]
    answer = repair(scripted(many, [submit("0.txt", "3.txt")]), tool_calls=2)
    assert answer.draft is not None, answer
    assert [each.content for each in answer.draft.files] == ["x", None]
