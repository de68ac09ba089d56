"""Finds the runpod start call in a worker's source, and what kind of handler it is given, through the syntax tree.

The start call can sit in the file that the container starts or in one that it imports; the handler can be passed by
name, imported from another file of the repository, wrapped or bound. What can't be told is UNKNOWN, not guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from janitor.validator.repository.python_modules import (
    Module,
    ModuleGraph,
    Reader,
    SyntaxProblem,
    assigned_values,
    dotted_name,
    method_of,
    yields,
)

_DEPTH = 8
"""How many imports or assignments are followed to a handler's definition."""
_MOST_MODULES = 200


class HandlerKind(str, Enum):
    """What the SDK will see in the handler."""

    PLAIN = "plain"
    GENERATOR = "generator"
    ASYNC = "async"
    ASYNC_GENERATOR = "async generator"
    UNKNOWN = "unknown"

    @property
    def is_generator(self) -> bool:
        """Whether the SDK's local mode leaves it un-iterated."""
        return self in (HandlerKind.GENERATOR, HandlerKind.ASYNC_GENERATOR)


@dataclass(frozen=True, kw_only=True)
class StartCall:
    """A call of `runpod.serverless.start`."""

    path: PurePosixPath
    line: int
    kind: HandlerKind
    handler: str | None
    """The handler as written, where that is a name."""


@dataclass(frozen=True, kw_only=True)
class WorkerSource:
    """What the source of a worker shows."""

    modules: tuple[PurePosixPath, ...]
    """The entry file and the files of the repository that it imports, directly or not."""
    problems: tuple[SyntaxProblem, ...]
    start_calls: tuple[StartCall, ...]


def read_worker(entry: PurePosixPath, read: Reader) -> WorkerSource:
    """Follow a worker from its entry file through its imports.

    Args:
        entry: The file that the container starts, relative to the repository's root.
        read: Reads a file of the repository.
    """
    return _Program(read).walk([entry])


def search_workers(candidates: Iterable[PurePosixPath], read: Reader) -> WorkerSource:
    """Look for start calls in many files, none of which is known to be the entry; problems are left out."""
    program = _Program(read)
    found = [
        path for path in candidates if (source := read(path)) is not None and "runpod" in source and "start" in source
    ]
    worker = program.walk(found[:_MOST_MODULES])
    return WorkerSource(modules=worker.modules, problems=(), start_calls=worker.start_calls)


class _Program:
    def __init__(self, read: Reader) -> None:
        self._graph = ModuleGraph(read)

    def walk(self, entries: list[PurePosixPath]) -> WorkerSource:
        waiting, seen = list(entries), set(entries)
        modules: list[PurePosixPath] = []
        problems: list[SyntaxProblem] = []
        calls: list[StartCall] = []
        while waiting and len(modules) < _MOST_MODULES:
            path = waiting.pop(0)
            if path in entries:
                self._graph.entry_folder = path.parent
            module = self._graph.module(path)
            if module is None:
                continue
            modules.append(path)
            if isinstance(module, SyntaxProblem):
                problems.append(module)
                continue
            calls += self._start_calls(module)
            for name, (dotted, member) in module.imports.items():
                del name
                for found in self._graph.files_of(module, dotted, member):
                    if found not in seen:
                        seen.add(found)
                        waiting.append(found)
        return WorkerSource(modules=tuple(modules), problems=tuple(problems), start_calls=tuple(calls))

    # -- start calls

    def _start_calls(self, module: Module) -> list[StartCall]:
        calls = []
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and self._is_start(module, node.func):
                argument = node.args[0] if node.args else next((k.value for k in node.keywords), None)
                handler = self._handler_of(module, argument, _DEPTH)
                calls.append(
                    StartCall(
                        path=module.path,
                        line=node.lineno,
                        kind=HandlerKind.UNKNOWN if handler is None else self._kind(module, handler, _DEPTH),
                        handler=None if handler is None else dotted_name(handler),
                    )
                )
        return calls

    def _is_start(self, module: Module, function: ast.expr) -> bool:
        name = dotted_name(function)
        if name is None:
            return False
        head, _, rest = name.partition(".")
        if name in ("runpod.serverless.start", "rp.serverless.start"):
            return True
        origin = module.imports.get(head)
        if origin is None:
            return False
        dotted, member = origin
        full = ".".join(part for part in (dotted, member, rest) if part)
        return full == "runpod.serverless.start"

    def _handler_of(self, module: Module, argument: ast.expr | None, depth: int) -> ast.expr | None:
        """The expression for the key "handler" of the configuration that start is given."""
        if argument is None or depth == 0:
            return None
        if isinstance(argument, ast.Dict):
            for key, value in zip(argument.keys, argument.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "handler":
                    return value
            return None
        if isinstance(argument, ast.Call) and dotted_name(argument.func) == "dict":
            return next((keyword.value for keyword in argument.keywords if keyword.arg == "handler"), None)
        if isinstance(argument, ast.Name):
            values = assigned_values(module.tree, argument.id)
            updates = [
                node.value
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Subscript)
                and dotted_name(target.value) == argument.id
                and isinstance(target.slice, ast.Constant)
                and target.slice.value == "handler"
            ]
            if len(updates) == 1:
                return updates[0]
            if len(values) == 1 and not updates:
                return self._handler_of(module, values[0], depth - 1)
        return None

    # -- the kind of a handler

    def _kind(self, module: Module, handler: ast.expr, depth: int) -> HandlerKind:
        if depth == 0:
            return HandlerKind.UNKNOWN
        if isinstance(handler, ast.Lambda):
            return HandlerKind.GENERATOR if yields(handler) else HandlerKind.PLAIN
        if isinstance(handler, ast.IfExp):
            kinds = {self._kind(module, part, depth - 1) for part in (handler.body, handler.orelse)}
            return kinds.pop() if len(kinds) == 1 else HandlerKind.UNKNOWN
        if isinstance(handler, ast.Call):
            return self._kind_of_call(module, handler, depth)
        if isinstance(handler, ast.Name):
            return self._kind_of_name(module, handler.id, depth)
        if isinstance(handler, ast.Attribute):
            return self._kind_of_attribute(module, handler, depth)
        return HandlerKind.UNKNOWN

    def _kind_of_call(self, module: Module, call: ast.Call, depth: int) -> HandlerKind:
        name = dotted_name(call.func) or ""
        if name in ("partial", "functools.partial") and call.args:
            return self._kind(module, call.args[0], depth - 1)
        # Handler(): an instance whose __call__ the SDK calls; inspect sees neither generator nor coroutine in it.
        if found := self._graph.definition(module, name, depth):
            where, node = found
            if isinstance(node, ast.ClassDef) and (method := method_of(node, "__call__")):
                del where
                return HandlerKind.PLAIN if _function_kind(method) is HandlerKind.PLAIN else HandlerKind.UNKNOWN
        return HandlerKind.UNKNOWN

    def _kind_of_name(self, module: Module, name: str, depth: int) -> HandlerKind:
        found = self._graph.definition(module, name, depth)
        if found is not None and isinstance(found[1], (ast.FunctionDef, ast.AsyncFunctionDef)):
            return _function_kind(found[1])
        values = assigned_values(module.tree, name)
        if found is None and len(values) == 1:
            return self._kind(module, values[0], depth - 1)
        return HandlerKind.UNKNOWN

    def _kind_of_attribute(self, module: Module, handler: ast.Attribute, depth: int) -> HandlerKind:
        dotted = dotted_name(handler)
        if dotted and (found := self._graph.definition(module, dotted, depth)):
            node = found[1]
            return _function_kind(node) if not isinstance(node, ast.ClassDef) else HandlerKind.UNKNOWN
        # worker.run, where worker = Worker(...) or the expression is Worker(...).run
        owner: ast.expr = handler.value
        if isinstance(owner, ast.Name):
            values = assigned_values(module.tree, owner.id)
            if len(values) != 1:
                return HandlerKind.UNKNOWN
            owner = values[0]
        name = dotted_name(owner.func) if isinstance(owner, ast.Call) else dotted_name(owner)
        found = self._graph.definition(module, name or "", depth)
        if found and isinstance(found[1], ast.ClassDef) and (method := method_of(found[1], handler.attr)):
            return _function_kind(method)
        return HandlerKind.UNKNOWN


def _function_kind(node: ast.FunctionDef | ast.AsyncFunctionDef) -> HandlerKind:
    if isinstance(node, ast.AsyncFunctionDef):
        return HandlerKind.ASYNC_GENERATOR if yields(node) else HandlerKind.ASYNC
    return HandlerKind.GENERATOR if yields(node) else HandlerKind.PLAIN
