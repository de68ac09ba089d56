"""Finds the runpod start call in a worker's source, and what kind of handler it is given, through the syntax tree.

The start call can sit in the file that the container starts or in one that it imports; the handler can be passed by
name, imported from another file of the repository, wrapped or bound. What can't be told is UNKNOWN, not guessed.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

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
class SyntaxProblem:
    """A file that doesn't compile."""

    path: PurePosixPath
    line: int
    message: str


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


Reader = Callable[[PurePosixPath], "str | None"]
"""Source of a file of the repository; None if it isn't there or can't be read."""


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


def compile_problem(path: PurePosixPath, source: str) -> SyntaxProblem | None:
    """Why a file doesn't compile with this interpreter; None if it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as exc:
        return SyntaxProblem(path=path, line=exc.lineno or 1, message=exc.msg or "invalid syntax")
    except (ValueError, RecursionError, MemoryError) as exc:
        return SyntaxProblem(path=path, line=1, message=str(exc) or type(exc).__name__)
    return None


@dataclass(frozen=True, kw_only=True)
class _Module:
    path: PurePosixPath
    tree: ast.Module
    imports: dict[str, tuple[str, str | None]]
    """Local name → (dotted module with leading dots, name in it or None for the module itself)."""


class _Program:
    def __init__(self, read: Reader) -> None:
        self._read = read
        self._modules: dict[PurePosixPath, _Module | SyntaxProblem | None] = {}
        self._entry_folder = PurePosixPath()

    def walk(self, entries: list[PurePosixPath]) -> WorkerSource:
        waiting, seen = list(entries), set(entries)
        modules: list[PurePosixPath] = []
        problems: list[SyntaxProblem] = []
        calls: list[StartCall] = []
        while waiting and len(modules) < _MOST_MODULES:
            path = waiting.pop(0)
            if path in entries:
                self._entry_folder = path.parent
            module = self._module(path)
            if module is None:
                continue
            modules.append(path)
            if isinstance(module, SyntaxProblem):
                problems.append(module)
                continue
            calls += self._start_calls(module)
            for name, (dotted, member) in module.imports.items():
                del name
                for found in self._files_of(module, dotted, member):
                    if found not in seen:
                        seen.add(found)
                        waiting.append(found)
        return WorkerSource(modules=tuple(modules), problems=tuple(problems), start_calls=tuple(calls))

    def _module(self, path: PurePosixPath) -> _Module | SyntaxProblem | None:
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def _parse(self, path: PurePosixPath) -> _Module | SyntaxProblem | None:
        source = self._read(path)
        if source is None:
            return None
        if problem := compile_problem(path, source):
            return problem
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        imports: dict[str, tuple[str, str | None]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    # `import a.b` binds a; `import a.b as c` binds a.b.
                    imports[alias.asname or alias.name] = (alias.name, None)
            elif isinstance(node, ast.ImportFrom):
                dotted = "." * node.level + (node.module or "")
                for alias in node.names:
                    imports[alias.asname or alias.name] = (dotted, alias.name)
        return _Module(path=path, tree=tree, imports=imports)

    def _files_of(self, module: _Module, dotted: str, member: str | None) -> list[PurePosixPath]:
        """The files of the repository that an import reads."""
        level = len(dotted) - len(dotted.lstrip("."))
        parts = [part for part in dotted.lstrip(".").split(".") if part]
        if level:
            base = module.path.parent
            for _ in range(level - 1):
                base = base.parent
            bases = [base]
        else:
            # Where Python would look: beside the entry file; beside the root when started from there.
            bases = list(dict.fromkeys([self._entry_folder, module.path.parent, PurePosixPath()]))
        for base in bases:
            target = base.joinpath(*parts)
            found = [
                path
                for path in (
                    target.with_suffix(".py") if parts else None,
                    target / "__init__.py",
                    *((target / f"{member}.py", target / member / "__init__.py") if member else ()),
                )
                if path is not None and self._read(path) is not None
            ]
            if found:
                return found
        return []

    # -- start calls

    def _start_calls(self, module: _Module) -> list[StartCall]:
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
                        handler=None if handler is None else _dotted(handler),
                    )
                )
        return calls

    def _is_start(self, module: _Module, function: ast.expr) -> bool:
        name = _dotted(function)
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

    def _handler_of(self, module: _Module, argument: ast.expr | None, depth: int) -> ast.expr | None:
        """The expression for the key "handler" of the configuration that start is given."""
        if argument is None or depth == 0:
            return None
        if isinstance(argument, ast.Dict):
            for key, value in zip(argument.keys, argument.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "handler":
                    return value
            return None
        if isinstance(argument, ast.Call) and _dotted(argument.func) == "dict":
            return next((keyword.value for keyword in argument.keywords if keyword.arg == "handler"), None)
        if isinstance(argument, ast.Name):
            values = _assigned(module.tree, argument.id)
            updates = [
                node.value
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Subscript)
                and _dotted(target.value) == argument.id
                and isinstance(target.slice, ast.Constant)
                and target.slice.value == "handler"
            ]
            if len(updates) == 1:
                return updates[0]
            if len(values) == 1 and not updates:
                return self._handler_of(module, values[0], depth - 1)
        return None

    # -- the kind of a handler

    def _kind(self, module: _Module, handler: ast.expr, depth: int) -> HandlerKind:
        if depth == 0:
            return HandlerKind.UNKNOWN
        if isinstance(handler, ast.Lambda):
            return HandlerKind.GENERATOR if _yields(handler) else HandlerKind.PLAIN
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

    def _kind_of_call(self, module: _Module, call: ast.Call, depth: int) -> HandlerKind:
        name = _dotted(call.func) or ""
        if name in ("partial", "functools.partial") and call.args:
            return self._kind(module, call.args[0], depth - 1)
        # Handler(): an instance whose __call__ the SDK calls; inspect sees neither generator nor coroutine in it.
        if found := self._definition(module, name, depth):
            where, node = found
            if isinstance(node, ast.ClassDef) and (method := _method(node, "__call__")):
                del where
                return HandlerKind.PLAIN if _function_kind(method) is HandlerKind.PLAIN else HandlerKind.UNKNOWN
        return HandlerKind.UNKNOWN

    def _kind_of_name(self, module: _Module, name: str, depth: int) -> HandlerKind:
        found = self._definition(module, name, depth)
        if found is not None and isinstance(found[1], (ast.FunctionDef, ast.AsyncFunctionDef)):
            return _function_kind(found[1])
        values = _assigned(module.tree, name)
        if found is None and len(values) == 1:
            return self._kind(module, values[0], depth - 1)
        return HandlerKind.UNKNOWN

    def _kind_of_attribute(self, module: _Module, handler: ast.Attribute, depth: int) -> HandlerKind:
        dotted = _dotted(handler)
        if dotted and (found := self._definition(module, dotted, depth)):
            node = found[1]
            return _function_kind(node) if not isinstance(node, ast.ClassDef) else HandlerKind.UNKNOWN
        # worker.run, where worker = Worker(...) or the expression is Worker(...).run
        owner: ast.expr = handler.value
        if isinstance(owner, ast.Name):
            values = _assigned(module.tree, owner.id)
            if len(values) != 1:
                return HandlerKind.UNKNOWN
            owner = values[0]
        name = _dotted(owner.func) if isinstance(owner, ast.Call) else _dotted(owner)
        found = self._definition(module, name or "", depth)
        if found and isinstance(found[1], ast.ClassDef) and (method := _method(found[1], handler.attr)):
            return _function_kind(method)
        return HandlerKind.UNKNOWN

    def _definition(
        self, module: _Module, dotted: str, depth: int
    ) -> tuple[_Module, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] | None:
        """The one definition that a name or a dotted name stands for."""
        if depth == 0 or not dotted:
            return None
        head, _, rest = dotted.partition(".")
        local = [
            node
            for node in ast.walk(module.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == head
        ]
        if local:
            node = local[-1]
            if rest and isinstance(node, ast.ClassDef):
                method = _method(node, rest)
                return (module, method) if method else None
            # Two definitions of different kinds, behind an if for example, can't be told apart here.
            if len({_kind_or_class(each) for each in local}) > 1:
                return None
            return None if rest else (module, node)
        for name in (dotted.rpartition(".")[0], head):
            if name in module.imports:
                remainder = dotted[len(name) :].lstrip(".")
                return self._imported(module, module.imports[name], remainder, depth)
        return None

    def _imported(
        self, module: _Module, origin: tuple[str, str | None], rest: str, depth: int
    ) -> tuple[_Module, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] | None:
        dotted, member = origin
        for path in self._files_of(module, dotted, member):
            target = self._module(path)
            if not isinstance(target, _Module):
                continue
            # `from package import module` brings a module, whose name is then no part of the definition's.
            is_member_module = member is not None and path.stem in (member, "__init__") and rest
            wanted = rest if member is None or is_member_module else ".".join(filter(None, (member, rest)))
            if found := self._definition(target, wanted, depth - 1):
                return found
        return None


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def _assigned(tree: ast.Module, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(_dotted(target) == name for target in node.targets):
            found.append(node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None and _dotted(node.target) == name:
            found.append(node.value)
    return found


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    return next(
        (
            member
            for member in node.body
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name == name
        ),
        None,
    )


def _kind_or_class(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> HandlerKind | None:
    return None if isinstance(node, ast.ClassDef) else _function_kind(node)


def _function_kind(node: ast.FunctionDef | ast.AsyncFunctionDef) -> HandlerKind:
    generator = _yields(node)
    if isinstance(node, ast.AsyncFunctionDef):
        return HandlerKind.ASYNC_GENERATOR if generator else HandlerKind.ASYNC
    return HandlerKind.GENERATOR if generator else HandlerKind.PLAIN


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    """Whether the function itself yields; a function within it is another matter."""
    waiting: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return False
