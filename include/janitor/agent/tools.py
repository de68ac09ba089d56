"""The model's three tools. Each goes through the sandbox, is bounded, and is counted before it does anything."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from janitor.agent.evidence import Seen
from janitor.agent.executors.base import Executor, FileRefusedError, list_through, read_through
from janitor.agent.transcript import Transcript
from janitor.protocol.agent.answers import AgentLimits

COMMAND_LIMIT = timedelta(minutes=5)
"""Longest that one command may take."""
_READ_CHARACTERS = 30_000
_LISTED = 500
_REFUSED = "the limit of tool calls is reached; submit your verdict"


@dataclass(kw_only=True)
class Work:
    """What the tools of one run share."""

    executor: Executor
    limits: AgentLimits
    transcript: Transcript
    ends_at: float
    """Monotonic time at which the wall clock stops the run."""
    attempts: int = 0
    """Tool calls that the model asked for, whatever became of them."""
    refused: set[str] = field(default_factory=set)
    """Ids of the calls beyond the limit; nothing is done for them."""
    looks: int = 0
    """Tool calls that showed something."""
    seen: Seen = field(default_factory=Seen)


async def run_command(ctx: RunContext[Work], command: str, timeout_seconds: float = 60) -> dict[str, Any]:
    """Run a shell command in the workspace. A non-zero exit code is a normal result; nothing keeps running afterwards.

    Args:
        command: Command line for `sh -c`.
        timeout_seconds: After how long it is ended.
    """
    work = ctx.deps
    if ctx.tool_call_id in work.refused:
        return {"error": _REFUSED}
    most = min(COMMAND_LIMIT.total_seconds(), work.ends_at - time.monotonic())
    result = await work.executor.run(command, timedelta(seconds=max(1.0, min(timeout_seconds, most))))
    work.looks += 1
    work.seen.show(result.stdout)
    work.seen.show(result.stderr)
    return {
        "exit_code": result.exit_code,
        "timed_out": result.timed_out,
        "stdout": result.stdout,
        "stderr": result.stderr,
    }


async def read_file(ctx: RunContext[Work], path: str, offset: int = 0) -> str:
    """Read up to 30,000 bytes of a file, from a byte offset.

    Args:
        path: Relative to the workspace.
        offset: First byte.
    """
    work = ctx.deps
    if ctx.tool_call_id in work.refused:
        return f"error: {_REFUSED}"
    try:
        text = await read_through(work.executor, path, offset=max(0, offset), count=_READ_CHARACTERS)
    except FileRefusedError as exc:
        return f"error: {exc}"
    work.looks += 1
    work.seen.show(text)
    return text


async def list_files(ctx: RunContext[Work], path: str = ".") -> list[str] | str:
    """List a folder; names of folders end with a slash. At most 500 names.

    Args:
        path: Relative to the workspace.
    """
    work = ctx.deps
    if ctx.tool_call_id in work.refused:
        return f"error: {_REFUSED}"
    try:
        names = await list_through(work.executor, path, most=_LISTED)
    except FileRefusedError as exc:
        return f"error: {exc}"
    work.looks += 1
    work.seen.show("\n".join(names))
    return names[:_LISTED] + (["… and more"] if len(names) > _LISTED else [])


def toolset() -> AbstractToolset[Work]:
    """The tools, until their attempts are used up; then the model can only answer."""
    tools = FunctionToolset[Work]([run_command, read_file, list_files])
    return tools.filtered(lambda ctx, _tool: ctx.deps.attempts < ctx.deps.limits.tool_calls)
