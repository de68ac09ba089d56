"""The files of a Python program as syntax trees, the imports between them, and what a name in one stands for."""

from __future__ import annotations

import ast
import dataclasses
import io
import tokenize
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
"""What a name can stand for."""


_MOST_CHARACTERS = 2 * 1024 * 1024
"""Of all modules of one program together; a compiler takes a hundred times that in memory."""


@dataclass(frozen=True, kw_only=True)
class SyntaxProblem:
    """A file that doesn't compile."""

    path: PurePosixPath
    line: int
    message: str


Reader = Callable[[PurePosixPath], "str | None"]
"""Source of a file of the repository; None if it isn't there or can't be read. Raises SourceError."""


Finder = Callable[[tuple[str, ...]], "list[PurePosixPath]"]
"""Files of the repository that a module, by the parts of its dotted name, may be in."""


class SourceError(Exception):
    """A file's bytes are no text in the encoding that it states, so that no Python takes it."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """A file that compiles."""

    path: PurePosixPath
    tree: ast.Module
    imports: dict[str, tuple[str, str | None]]
    """Local name → (dotted module with leading dots, name in it or None for the module itself)."""
    imported: list[tuple[str, str, str | None, bool]]
    """Every import in order, as local name, dotted module, name in it, and whether only a started program makes it:
    one name can be imported from several places."""
    guarded: frozenset[str]
    """Local names whose import depends on a condition, or may fail."""
    stars: tuple[str, ...]
    """Dotted modules of which everything is imported."""
    definitions: dict[str, list[Definition]]
    assigned: dict[str, list[ast.expr]]
    """Name or dotted name → the values that it is given."""
    calls: list[ast.Call]
    main_calls: frozenset[int]
    """Those of `calls`, by id(), that are made only where the file is the program that was started."""


class ModuleGraph:
    """Reads modules on demand, each once.

    Args:
        read: Reads a file of the repository.
        elsewhere: Finds the files that a module may be in where Python would not look by itself.
    """

    def __init__(self, read: Reader, elsewhere: Finder) -> None:
        self._read = read
        self._elsewhere = elsewhere
        self._sources: dict[PurePosixPath, str | SyntaxProblem | None] = {}
        self._modules: dict[PurePosixPath, Module | SyntaxProblem | None] = {}
        self._room = _MOST_CHARACTERS
        self.entry_folder = PurePosixPath()
        """Where Python looks first: the folder of the file that was started."""
        self.is_cut = False
        """Whether there are more modules than are read."""

    def module(self, path: PurePosixPath) -> Module | SyntaxProblem | None:
        """The module of a file; None if it isn't there."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def _source(self, path: PurePosixPath) -> str | SyntaxProblem | None:
        if path not in self._sources:
            try:
                self._sources[path] = self._read(path)
            except SourceError as exc:
                self._sources[path] = SyntaxProblem(path=path, line=1, message=str(exc))
        return self._sources[path]

    def _parse(self, path: PurePosixPath) -> Module | SyntaxProblem | None:
        source = self._source(path)
        if source is None or isinstance(source, SyntaxProblem):
            return source
        self._room -= len(source)
        if self._room < 0:
            self.is_cut = True
            return None
        if problem := compile_problem(path, source):
            return problem
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return read_module(path, tree)

    def files_of(self, module: Module, dotted: str, member: str | None) -> list[PurePosixPath]:
        """The files of the repository that an import reads, or may read."""
        if found := self.sure_files_of(module, dotted, member):
            return found
        parts = tuple(part for part in dotted.lstrip(".").split(".") if part)
        names = [parts, *([(*parts, member)] if member and member != "*" else [])]
        return list(dict.fromkeys(path for name in names if name for path in self._elsewhere(name)))

    def sure_files_of(self, module: Module, dotted: str, member: str | None) -> list[PurePosixPath]:
        """The files of the repository that an import reads from where Python looks by itself."""
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
                if path is not None and self._source(path) is not None
            ]
            if found:
                return found
        return []

    def definition(self, module: Module, dotted: str, depth: int) -> tuple[Module, Definition] | None:
        """The one definition that a name or a dotted name stands for."""
        if depth == 0 or not dotted:
            return None
        head, _, rest = dotted.partition(".")
        if local := module.definitions.get(head):
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


def method_of(node: ast.ClassDef, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    return next(
        (
            member
            for member in node.body
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name == name
        ),
        None,
    )


def decoded_source(content: bytes) -> str:
    """A Python file's text, in the encoding that it states.

    Raises:
        SourceError: It is none.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as exc:
        raise SourceError(f"the file is no text in its encoding: {exc}") from exc


def compile_problem(
    path: PurePosixPath, source: str, *, version: tuple[int, int] | None = None
) -> SyntaxProblem | None:
    """Why a file doesn't compile with this interpreter; None if it does.

    Args:
        path: Of the file.
        source: Its text.
        version: An older Python, whose grammar is kept to as far as `ast.parse` knows it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if version is not None:
                ast.parse(source, feature_version=version)
            else:
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


def read_module(path: PurePosixPath, tree: ast.Module) -> Module:
    """What a syntax tree imports, defines and assigns, in one walk through it."""
    module = Module(
        path=path,
        tree=tree,
        imports={},
        imported=[],
        guarded=frozenset(),
        stars=(),
        definitions={},
        assigned={},
        calls=[],
        main_calls=frozenset(),
    )
    stars: list[str] = []
    sure, guarded, main_calls = set[str](), set[str](), set[int]()
    waiting: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
    while waiting:
        node, is_guarded, is_main = waiting.pop()
        inner = is_guarded or (isinstance(node, ast.If) and not _is_main(node.test)) or _may_fail(node)
        if isinstance(node, ast.If) and _surely_main(node.test):
            waiting.extend((child, inner, is_main) for child in reversed(node.orelse))
            waiting.extend((child, inner, True) for child in reversed(node.body))
        else:
            waiting.extend((child, inner, is_main) for child in reversed(list(ast.iter_child_nodes(node))))
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found = dict(_imported_names(node))
            module.imports.update(found)
            module.imported.extend((name, *origin, is_main) for name, origin in found.items())
            (guarded if is_guarded else sure).update(found)
            if isinstance(node, ast.ImportFrom) and "*" in found:
                stars.append(found["*"][0])
        elif isinstance(node, ast.Call):
            module.calls.append(node)
            main_calls |= {id(node)} if is_main else set()
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            module.definitions.setdefault(node.name, []).append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in filter(None, map(_target_name, targets)):
                module.assigned.setdefault(name, []).append(node.value)
    return dataclasses.replace(
        module, guarded=frozenset(guarded - sure), stars=tuple(stars), main_calls=frozenset(main_calls)
    )


def _imported_names(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str | None]]]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            # `import a.b` binds a; `import a.b as c` binds a.b.
            yield alias.asname or alias.name, (alias.name, None)
        else:
            yield alias.asname or alias.name, ("." * node.level + (node.module or ""), alias.name)


def _target_name(target: ast.expr) -> str | None:
    """`name`, `a.b`, or `a['key']` for what is assigned to."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        owner = dotted_name(target.value)
        return None if owner is None else f"{owner}[{target.slice.value!r}]"
    return dotted_name(target)


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and dotted_name(test.left) == "__name__"


def _surely_main(test: ast.expr) -> bool:
    """Whether this is `__name__ == "__main__"` and no more, in either order."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, test.comparators[0])
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    return names == ["__name__"] and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def _may_fail(node: ast.AST) -> bool:
    """Whether a try goes on after a file in it that doesn't compile."""
    if not isinstance(node, ast.Try):
        return False
    kinds = [kind for handler in node.handlers for kind in _caught(handler.type)]
    return bool({"Exception", "BaseException", "SyntaxError", None} & set(kinds))


def _caught(kind: ast.expr | None) -> list[str | None]:
    if isinstance(kind, ast.Tuple):
        return [dotted_name(each) or "?" for each in kind.elts]
    return [None if kind is None else dotted_name(kind) or "?"]
