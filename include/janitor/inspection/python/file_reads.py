"""The files that a program opens for reading in any case: what it does at its start, and first thing for each job.

What stands behind a condition, in a `try`, or in a function that perhaps nobody calls is none of them.
"""

from __future__ import annotations

import ast
import posixpath
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from janitor.inspection.python.python_modules import dotted_name

_DEPTH = 4
_MOST_NODES, _MOST_READS = 20_000, 100
_READERS = frozenset({"read_text", "read_bytes", "open"})
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_BRANCHES = (ast.If, ast.Try, ast.For, ast.AsyncFor, ast.While)
_SILENT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_MAYBE = (ast.IfExp, ast.BoolOp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
HERE = "\0"
"""Stands for the folder of the file itself."""


@dataclass(frozen=True, kw_only=True)
class FileRead:
    """A file that is opened."""

    path: str
    """Absolute, or relative to where the program was started; below `HERE` where it is told by `__file__`."""
    line: int


def sure_reads(tree: ast.Module, *, is_started: bool, handlers: frozenset[str]) -> list[FileRead]:
    """The files that running a module opens in any case.

    Args:
        tree: The module.
        is_started: Whether it is the program itself, so that `if __name__ == "__main__"` holds.
        handlers: Names of its functions that are called for each job.
    """
    return list(islice(_Walk(tree, is_started=is_started).reads(handlers), _MOST_READS))


class _Walk:
    def __init__(self, tree: ast.Module, *, is_started: bool) -> None:
        self._tree = tree
        self._is_started = is_started
        self._room = _MOST_NODES
        self._functions: dict[str, list[ast.FunctionDef]] = {}
        self._values: dict[str, list[ast.expr]] = {}
        self._stores: Counter[str] = Counter()
        self._called_already: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._stores[node.name] += 1
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._stores[node.id] += 1
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                self._functions.setdefault(statement.name, []).append(statement)
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self._values.setdefault(statement.targets[0].id, []).append(statement.value)

    def reads(self, handlers: frozenset[str]) -> Iterator[FileRead]:
        yield from self._block(self._tree.body, _DEPTH)
        for name in sorted(handlers):
            yield from self._called(name, _DEPTH)

    def _called(self, name: str, depth: int) -> Iterator[FileRead]:
        """What a function does that is called; one that a decorator wraps, or that comes twice, isn't known."""
        found = self._functions.get(name, []) if name not in self._called_already else []
        self._called_already.add(name)
        if depth and len(found) == 1 and not found[0].decorator_list and not _is_generator(found[0]):
            yield from self._block(found[0].body, depth - 1)

    def _block(self, body: list[ast.stmt], depth: int) -> Iterator[FileRead]:
        for statement in body:
            if isinstance(statement, _SILENT):
                continue
            if isinstance(statement, ast.If) and self._is_started and _is_main(statement.test):
                yield from self._block(statement.body, depth)
            elif isinstance(statement, (ast.With, ast.AsyncWith)):
                yield from self._with(statement, depth)
            elif isinstance(statement, (ast.If, ast.While)):
                yield from self._expression(statement.test, depth)
            elif not isinstance(statement, _BRANCHES):
                for child in ast.iter_child_nodes(statement):
                    yield from self._expression(child, depth)
            if _may_end(statement):
                return

    def _with(self, statement: ast.With | ast.AsyncWith, depth: int) -> Iterator[FileRead]:
        for item in statement.items:
            yield from self._expression(item.context_expr, depth)
        # Another context, as `suppress`, may go on where its body can't.
        if all(self._opened(item.context_expr) is not None for item in statement.items):
            yield from self._block(statement.body, depth)

    def _expression(self, top: ast.AST, depth: int) -> Iterator[FileRead]:
        waiting = [top]
        while waiting:
            node = waiting.pop()
            self._room -= 1
            if self._room < 0:
                return
            if isinstance(node, (*_SILENT, *_MAYBE)):
                continue
            if isinstance(node, ast.Call):
                if (path := self._opened(node)) is not None:
                    yield FileRead(path=path, line=node.lineno)
                elif isinstance(node.func, ast.Name):
                    yield from self._called(node.func.id, depth)
            waiting += ast.iter_child_nodes(node)

    def _opened(self, node: ast.expr) -> str | None:
        """The file that a call opens for reading."""
        if not isinstance(node, ast.Call):
            return None
        stated = [*node.args, *(each.value for each in node.keywords if each.arg == "mode")]
        if isinstance(node.func, ast.Name) and node.func.id == "open" and not self._stores["open"] and node.args:
            return self._path(node.args[0], _DEPTH) if _only_reads(stated[1:2]) else None
        if isinstance(node.func, ast.Attribute) and node.func.attr in _READERS:
            is_read = node.func.attr != "open" or _only_reads(stated[:1])
            return self._path(node.func.value, _DEPTH) if is_read and _is_path(node.func.value) else None
        return None

    def _path(self, node: ast.expr, depth: int) -> str | None:
        """The path that an expression stands for, as far as it is one of a constant's."""
        if depth == 0:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            values = self._values.get(node.id, [])
            return self._path(values[0], depth - 1) if len(values) == 1 and self._stores[node.id] == 1 else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return _joined([self._path(node.left, depth - 1), self._path(node.right, depth - 1)])
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            return HERE if _is_own_file(node.value) else None
        if isinstance(node, ast.Call):
            name = dotted_name(node.func) or ""
            if name in ("os.path.dirname", "dirname") and node.args and _is_own_file(node.args[0]):
                return HERE
            if name in ("Path", "pathlib.Path", "os.path.join", "join") and node.args:
                return _joined([self._path(each, depth - 1) for each in node.args])
        return None


def _joined(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return posixpath.join(*known) if known and len(known) == len(parts) else None


def _is_own_file(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "__file__"
    if isinstance(node, ast.Call):
        name = dotted_name(node.func) or ""
        if name in ("os.path.abspath", "os.path.realpath", "Path", "pathlib.Path", "abspath") and len(node.args) == 1:
            return _is_own_file(node.args[0])
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in ("resolve", "absolute")
            and _is_own_file(node.func.value)
        )
    return False


def _is_path(node: ast.expr) -> bool:
    """Whether an expression is a `Path` by its own words."""
    if isinstance(node, ast.BinOp):
        return _is_path(node.left)
    if isinstance(node, ast.Attribute):
        return node.attr == "parent" and _is_own_file(node.value)
    return isinstance(node, ast.Call) and dotted_name(node.func) in ("Path", "pathlib.Path")


def _only_reads(mode: list[ast.expr]) -> bool:
    if not mode:
        return True
    value = mode[0].value if isinstance(mode[0], ast.Constant) else None
    return isinstance(value, str) and value.startswith("r") and "+" not in value


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and dotted_name(test.left) == "__name__" and len(test.ops) == 1


def _may_end(statement: ast.stmt) -> bool:
    """Whether what stands behind a statement is perhaps not reached."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _ENDS) or (isinstance(node, ast.Call) and dotted_name(node.func) in _EXITS):
            return True
        if not isinstance(node, _SILENT):
            waiting += ast.iter_child_nodes(node)
    return False


_EXITS = frozenset({"sys.exit", "exit", "quit", "os._exit"})


def _is_generator(function: ast.FunctionDef) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function))
