"""The files of a Python program as syntax trees, the imports between them, and what a name in one stands for."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
"""What a name can stand for."""


@dataclass(frozen=True, kw_only=True)
class SyntaxProblem:
    """A file that doesn't compile."""

    path: PurePosixPath
    line: int
    message: str


Reader = Callable[[PurePosixPath], "str | None"]
"""Source of a file of the repository; None if it isn't there or can't be read."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """A file that compiles."""

    path: PurePosixPath
    tree: ast.Module
    imports: dict[str, tuple[str, str | None]]
    """Local name → (dotted module with leading dots, name in it or None for the module itself)."""


class ModuleGraph:
    """Reads modules on demand, each once.

    Args:
        read: Reads a file of the repository.
    """

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._modules: dict[PurePosixPath, Module | SyntaxProblem | None] = {}
        self.entry_folder = PurePosixPath()
        """Where Python looks first: the folder of the file that was started."""

    def module(self, path: PurePosixPath) -> Module | SyntaxProblem | None:
        """The module of a file; None if it isn't there."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def _parse(self, path: PurePosixPath) -> Module | SyntaxProblem | None:
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
        return Module(path=path, tree=tree, imports=imports)

    def files_of(self, module: Module, dotted: str, member: str | None) -> list[PurePosixPath]:
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
            bases = list(dict.fromkeys([self.entry_folder, module.path.parent, PurePosixPath()]))
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

    def definition(self, module: Module, dotted: str, depth: int) -> tuple[Module, Definition] | None:
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
                method = method_of(node, rest)
                return (module, method) if method else None
            # Two definitions of different kinds, behind an if for example, can't be told apart here.
            if len({_shape(each) for each in local}) > 1:
                return None
            return None if rest else (module, node)
        for name in (dotted.rpartition(".")[0], head):
            if name in module.imports:
                remainder = dotted[len(name) :].lstrip(".")
                return self._imported(module, module.imports[name], remainder, depth)
        return None

    def _imported(
        self, module: Module, origin: tuple[str, str | None], rest: str, depth: int
    ) -> tuple[Module, Definition] | None:
        dotted, member = origin
        for path in self.files_of(module, dotted, member):
            target = self.module(path)
            if not isinstance(target, Module):
                continue
            # `from package import module` brings a module, whose name is then no part of the definition's.
            is_member_module = member is not None and path.stem in (member, "__init__") and rest
            wanted = rest if member is None or is_member_module else ".".join(filter(None, (member, rest)))
            if found := self.definition(target, wanted, depth - 1):
                return found
        return None


def dotted_name(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def assigned_values(tree: ast.Module, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(dotted_name(target) == name for target in targets):
                found.append(node.value)
    return found


def method_of(node: ast.ClassDef, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    return next(
        (
            member
            for member in node.body
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name == name
        ),
        None,
    )


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


def yields(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    """Whether the function itself yields; a function within it is another matter."""
    waiting: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def _shape(node: Definition) -> tuple[bool, bool] | None:
    """What tells the kinds of functions apart; None for a class."""
    return None if isinstance(node, ast.ClassDef) else (isinstance(node, ast.AsyncFunctionDef), yields(node))
