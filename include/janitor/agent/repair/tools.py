"""The tools that a repair has beside those that look: each changes the copy in the sandbox, or shows what changed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from pydantic_ai import RunContext
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from janitor.agent.executors.base import FileRefusedError
from janitor.agent.repair.files import read_whole, within, write_whole
from janitor.agent.tools import Work, list_files, read_file, run_command

_REFUSED = "error: the limit of tool calls is reached; submit your repair"
_SHOWN_CHARACTERS = 30_000


@dataclass(kw_only=True)
class RepairWork(Work):
    """What the tools of a repair share."""

    before: dict[str, bytes | None] = field(default_factory=dict)
    """By path, what a file was before a tool changed it; None: it wasn't there."""


def _repair(ctx: RunContext[Work]) -> RepairWork | None:
    """The work; None beyond the limit of calls."""
    work = ctx.deps
    assert isinstance(work, RepairWork)
    return None if ctx.tool_call_id in work.refused else work


async def write_file(ctx: RunContext[Work], path: str, content: str) -> str:
    """Write a file whole; folders are made where they are missing. Use replace_in_file for small changes.

    Args:
        path: Relative to the workspace.
        content: All of it.
    """
    work = _repair(ctx)
    if work is None:
        return _REFUSED
    try:
        await _change(work, path, content.encode("utf-8", errors="replace"))
    except FileRefusedError as exc:
        return f"error: {exc}"
    return "written"


async def replace_in_file(ctx: RunContext[Work], path: str, old: str, new: str) -> str:
    """Replace a text that stands exactly once in a file.

    Args:
        path: Relative to the workspace.
        old: What is there now, with enough around it to be unique.
        new: What takes its place.
    """
    work = _repair(ctx)
    if work is None:
        return _REFUSED
    try:
        content = await read_whole(work.executor, within(path))
        if content is None:
            return f"error: there is no file {path}"
        found = content.count(old.encode("utf-8", errors="replace")) if old else 0
        if found != 1:
            return f"error: `old` stands {found} times in {path}; it must stand once"
        await _change(work, path, content.replace(old.encode(), new.encode("utf-8", errors="replace")))
    except FileRefusedError as exc:
        return f"error: {exc}"
    except UnicodeEncodeError:
        return "error: `old` is no text"
    return "replaced"


async def show_diff(ctx: RunContext[Work]) -> str:
    """Show what write_file and replace_in_file have changed so far, as a diff."""
    work = _repair(ctx)
    if work is None:
        return _REFUSED
    shown = []
    for path, before in sorted(work.before.items()):
        try:
            after = await read_whole(work.executor, path)
        except FileRefusedError as exc:
            shown.append(f"{path}: {exc}\n")
            continue
        old, new = _lines(before), _lines(after)
        shown += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(shown)[:_SHOWN_CHARACTERS] or "nothing is changed"


async def _change(work: RepairWork, path: str, content: bytes) -> None:
    name = within(path)
    if name not in work.before:
        work.before[name] = await read_whole(work.executor, name)
    await write_whole(work.executor, name, content)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", errors="replace").splitlines(keepends=True)


def repair_toolset() -> AbstractToolset[Work]:
    """The tools, until their attempts are used up; then the model can only answer."""
    tools = FunctionToolset[Work]([run_command, read_file, list_files, write_file, replace_in_file, show_diff])
    return tools.filtered(lambda ctx, _tool: ctx.deps.attempts < ctx.deps.limits.tool_calls)
