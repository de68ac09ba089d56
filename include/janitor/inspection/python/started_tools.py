"""Programs of the system that a worker's source starts by their names, as `subprocess.run(["ffmpeg", …])`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from janitor.inspection.python.python_modules import dotted_name

_STARTERS = frozenset(
    {
        *("run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput", "system", "popen"),
        *("create_subprocess_exec", "create_subprocess_shell", "which"),
    }
)
_MODULES = frozenset({"subprocess", "os", "asyncio", "shutil"})
_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class StartedTool:
    """A program that a source starts."""

    name: str
    line: int


def started_tools(source: str) -> list[StartedTool]:
    """The programs that a source names where it starts one, each once."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: dict[str, StartedTool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _is_starter(node.func):
            name = _first_word(node.args[0])
            if name is not None:
                found.setdefault(name, StartedTool(name=name, line=node.lineno))
    return list(found.values())


def _is_starter(function: ast.expr) -> bool:
    dotted = dotted_name(function)
    if dotted is None:
        return False
    owner, _, name = dotted.rpartition(".")
    return name in _STARTERS and (owner in _MODULES or (not owner and name in ("Popen", "check_output", "check_call")))


def _first_word(node: ast.expr) -> str | None:
    if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
        node = node.elts[0]
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None
    words = node.value[:_LONGEST].split()
    return words[0] if words and "{" not in words[0] else None
