"""Finds the runpod start call in a worker's source, and what kind of handler it is given, through the syntax tree.

The start call can sit in the file that the container starts or in one that it imports; the handler can be passed by
name, imported from another file of the repository, wrapped or bound. What can't be told is UNKNOWN, not guessed.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from janitor.inspection.python.open_starts import may_start_unseen
from janitor.inspection.python.python_modules import (
    Finder,
    Module,
    ModuleGraph,
    Reader,
    SourceError,
    SyntaxProblem,
    dotted_name,
    method_of,
    yields,
)
from janitor.inspection.python.worker_source import HandlerKind, StartCall, WorkerSource

__all__ = ["HandlerKind", "StartCall", "WorkerSource", "read_worker", "search_workers"]

_DEPTH = 8
"""How many imports or assignments are followed to a handler's definition."""
_MOST_MODULES = 200
_MOST_IMPORTS, _MOST_CALLS, _MOST_VALUES = 1_000, 20, 4
_MOST_SEARCHED = 16 * 1024 * 1024
"""Characters of the files that are searched for a start call."""
_DYNAMIC = frozenset({"importlib", "import_module", "runpy", "run_module", "run_path", "subprocess"})
"""What a program imports that starts others in ways which a reader can't follow."""
_RUNS_TEXT = frozenset({"exec", "eval", "execfile"})
"""Built-in functions that run what may be another file."""
_OS_STARTERS = re.compile(r"(?:exec|spawn)[lv]p?e?|posix_spawnp?|system|popen")
"""The same among what `os` has, which nearly every program imports."""


def _nowhere(parts: tuple[str, ...]) -> list[PurePosixPath]:
    del parts
    return []


def read_worker(entry: PurePosixPath, read: Reader, elsewhere: Finder = _nowhere) -> WorkerSource:
    """Follow a worker from its entry file through its imports.

    Args:
        entry: The file that the container starts, relative to the repository's root.
        read: Reads a file of the repository.
        elsewhere: Finds the files that a module may be in where Python would not look by itself: the image can have
            them in other places than the repository, and its search path can be any.
    """
    return _Program(read, elsewhere).walk([entry])


def search_workers(candidates: Iterable[PurePosixPath], read: Reader) -> WorkerSource:
    """Look for start calls in many files, none of which is known to be the entry; problems are left out."""
    program = _Program(read, _nowhere)
    found: list[PurePosixPath] = []
    room, is_cut = _MOST_SEARCHED, False
    for path in candidates:
        try:
            source = read(path)
        except SourceError:
            continue
        room -= len(source or "")
        if room < 0 or len(found) >= _MOST_MODULES:
            is_cut = True
            break
        if source is not None and "runpod" in source and "start" in source:
            found.append(path)
    worker = program.walk(found, enough=_MOST_CALLS)
    is_open = is_cut or program.is_cut or program.may_start_unseen(worker)
    return replace(worker, problems=(), sure_modules=(), is_open=is_open)


class _Program:
    def __init__(self, read: Reader, elsewhere: Finder) -> None:
        self._graph = ModuleGraph(read, elsewhere)
        self._origins: dict[tuple[PurePosixPath, str], str | None] = {}

    def walk(self, entries: list[PurePosixPath], *, enough: int | None = None) -> WorkerSource:
        """Follow the imports, until so many start calls are found; None is all of them."""
        # What is imported in any case goes before what is imported on a condition.
        waiting, doubtful = list(entries), list[PurePosixPath]()
        seen, modules, sure_modules = set(entries), list[PurePosixPath](), list[PurePosixPath]()
        problems: list[SyntaxProblem] = []
        calls: list[StartCall] = []
        is_dynamic, is_sure = False, True
        while (waiting or doubtful) and len(modules) < _MOST_MODULES and (enough is None or len(calls) < enough):
            if not waiting:
                waiting, doubtful, is_sure = [path for path in doubtful if path not in modules], [], False
                continue
            path = waiting.pop(0)
            if path in entries:
                self._graph.entry_folder = path.parent
            module = self._graph.module(path)
            if module is None or path in modules:
                continue
            if isinstance(module, SyntaxProblem):
                if is_sure:
                    modules.append(path)
                    problems.append(module)
                continue
            modules.append(path)
            sure_modules += [path] if is_sure else []
            # What stands under `if __name__ == "__main__"` is done by the file that is started alone.
            is_started = path in entries
            calls += self._start_calls(module, is_started=is_started)[: _MOST_CALLS - len(calls)]
            is_dynamic = is_dynamic or _starts_others(module)
            for name, dotted, member, is_main in module.imported[:_MOST_IMPORTS]:
                if is_main and not is_started:
                    continue
                is_near = bool(self._graph.sure_files_of(module, dotted, member))
                for found in self._graph.files_of(module, dotted, member):
                    if name in module.guarded or not is_near:
                        doubtful.append(found)
                    elif found not in seen:
                        seen.add(found)
                        waiting.append(found)
        worker = WorkerSource(
            modules=tuple(modules),
            problems=tuple(problems),
            start_calls=tuple(calls),
            sure_modules=tuple(sure_modules),
            is_open=is_dynamic or self.is_cut,
        )
        return replace(worker, is_open=worker.is_open or self.may_start_unseen(worker))

    @property
    def is_cut(self) -> bool:
        """Whether there are more modules than were read."""
        return self._graph.is_cut

    def may_start_unseen(self, worker: WorkerSource) -> bool:
        """Whether a worker without a start call may have one that isn't seen."""
        modules = [module for module in map(self._graph.module, worker.modules) if isinstance(module, Module)]
        return not worker.start_calls and any(
            may_start_unseen(
                module,
                origin=functools.partial(self._origin, module, depth=_DEPTH),
                is_own=functools.partial(self._is_own, module),
            )
            for module in modules
        )

    def _is_own(self, module: Module, dotted: str, member: str | None) -> bool:
        return bool(self._graph.sure_files_of(module, dotted, member))

    # -- start calls

    def _start_calls(self, module: Module, *, is_started: bool) -> list[StartCall]:
        calls: list[StartCall] = []
        for node in module.calls:
            if (is_started or id(node) not in module.main_calls) and self._is_start(module, node.func):
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
                if len(calls) >= _MOST_CALLS:
                    break
        return calls

    def _is_start(self, module: Module, function: ast.expr) -> bool:
        if dotted_name(function) in ("runpod.serverless.start", "rp.serverless.start"):
            return True
        return self._origin(module, function, _DEPTH) == "runpod.serverless.start"

    def _origin(self, module: Module, node: ast.expr, depth: int) -> str | None:
        """Where a module or function comes from, as a dotted name, through imports and names that it is given."""
        if depth == 0:
            return None
        if isinstance(node, ast.NamedExpr):
            return self._origin(module, node.value, depth - 1)
        if isinstance(node, ast.Attribute):
            owner = self._origin(module, node.value, depth - 1)
            if owner is None:
                return None
            return self._origin_in_files(module, owner, node.attr, depth - 1) or f"{owner}.{node.attr}"
        if isinstance(node, ast.Call) and node.args:
            function, last = dotted_name(node.func), node.args[-1]
            text = last.value if isinstance(last, ast.Constant) and isinstance(last.value, str) else None
            if function in ("importlib.import_module", "import_module", "__import__"):
                return text
            owner = self._origin(module, node.args[0], depth - 1) if function == "getattr" else None
            return f"{owner}.{text}" if owner is not None and text is not None else None
        if isinstance(node, ast.Name):
            return self._origin_of_name(module, node.id, depth)
        return None

    def _origin_of_name(self, module: Module, name: str, depth: int) -> str | None:
        if (module.path, name) not in self._origins:
            self._origins[module.path, name] = None  # ends a circle
            origin = module.imports.get(name)
            found = None if origin is None else ".".join(part for part in origin if part)
            if origin is not None and origin[1] is not None and depth > 1:
                found = self._origin_in_files(module, origin[0], origin[1], depth - 1) or found
            if found is None and any(each.startswith(f"{name}.") for each in module.imports):
                found = name  # `import a.b` binds a
            for value in [] if found else module.assigned.get(name, [])[:_MOST_VALUES]:
                found = found or self._origin(module, value, depth - 1)
            star = "runpod.serverless" if name == "start" else "runpod"
            if found is None and name not in module.definitions:
                if star in module.stars:
                    found = f"{star}.{name}"
                for each in module.stars[:_MOST_VALUES] if depth > 1 else ():
                    found = found or self._origin_in_files(module, each, name, depth - 1)
            self._origins[module.path, name] = found
        return self._origins[module.path, name]

    def _origin_in_files(self, module: Module, dotted: str, member: str, depth: int) -> str | None:
        """Where a file of the repository has a name from that another one imports from it."""
        targets = [self._graph.module(path) for path in self._graph.files_of(module, dotted, member)]
        found = (self._origin_of_name(each, member, depth) for each in targets if isinstance(each, Module))
        return next(filter(None, found), None)

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
            values = module.assigned.get(argument.id, [])
            updates = module.assigned.get(f"{argument.id}['handler']", [])
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
        values = module.assigned.get(name, [])
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
            values = module.assigned.get(owner.id, [])
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


def _starts_others(module: Module) -> bool:
    """Whether a module may start other programs, or modules by names that are made up."""
    return any(
        name in _DYNAMIC or (dotted == "os" and _OS_STARTERS.fullmatch(member or ""))
        for name, (dotted, member) in module.imports.items()
    ) or any(_starts_another(call.func) for call in module.calls)


def _starts_another(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in _RUNS_TEXT
    owner = function.value if isinstance(function, ast.Attribute) else None
    return (
        isinstance(function, ast.Attribute)
        and _OS_STARTERS.fullmatch(function.attr) is not None
        and isinstance(owner, ast.Name)
        and owner.id == "os"
    )
