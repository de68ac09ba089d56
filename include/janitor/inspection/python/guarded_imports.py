"""Finds imports that a program does without: those within a `try` that goes on where the module is missing.

What is done instead is what runs then, and a test shows nothing of what was meant. Two modules of which either will do
are one import with alternatives.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.python.python_modules import compile_problem, dotted_name

_CATCHES = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_MOST_CHARACTERS = 2 * 1024 * 1024
_MOST_FOUND = 100


@dataclass(frozen=True, kw_only=True)
class GuardedImport:
    """A module that a program tries to import."""

    module: str
    """Its top-level name."""
    alternatives: tuple[str, ...]
    """Top-level names of modules of which one takes its place where it is missing."""
    path: PurePosixPath
    line: int


def guarded_imports(
    sources: Iterable[tuple[PurePosixPath, str]], is_own: Callable[[str], bool]
) -> tuple[GuardedImport, ...]:
    """The modules of packages that a worker's files try to import; Python's own and the repository's are left out.

    Args:
        sources: Path and text of each.
        is_own: Whether a top-level name may be a module of the repository.
    """
    found: dict[str, GuardedImport] = {}
    room = _MOST_CHARACTERS
    for path, text in sources:
        room -= len(text)
        if room < 0:
            break
        if "import" not in text or not ("except" in text or "suppress" in text) or compile_problem(path, text):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        for guarded in _in_tree(path, tree):
            names = (guarded.module, *guarded.alternatives)
            if guarded.module in sys.stdlib_module_names or guarded.module == "runpod" or any(map(is_own, names)):
                continue
            if any(name in sys.stdlib_module_names for name in guarded.alternatives):
                continue
            found.setdefault(guarded.module, guarded)
    return tuple(found.values())[:_MOST_FOUND]


def _in_tree(path: PurePosixPath, tree: ast.Module) -> Iterator[GuardedImport]:
    # With each node the modules in whose place it stands: what is imported where another is missing needs that no less.
    waiting: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while waiting:
        node, before = waiting.pop()
        if isinstance(node, ast.Try):
            tried = _imports(node.body)
            names = tuple(module for module, _ in tried)
            handlers = [handler for handler in node.handlers if _catches(handler.type)]
            waiting.extend((child, before) for child in (*node.body, *node.orelse, *node.finalbody))
            waiting.extend((handler, (*before, *names)) for handler in node.handlers)
            if not handlers or all(_gives_up(handler.body) for handler in handlers):
                continue
            instead = [module for handler in handlers for module, _ in _imports(handler.body)]
            for module, line in tried:
                others = tuple(name for name in dict.fromkeys((*before, *instead)) if name != module)
                yield GuardedImport(module=module, alternatives=others, path=path, line=line)
            continue
        waiting.extend((child, before) for child in ast.iter_child_nodes(node))
        if isinstance(node, ast.With) and any(_suppresses(item.context_expr) for item in node.items):
            for module, line in _imports(node.body):
                yield GuardedImport(module=module, alternatives=before, path=path, line=line)


def _gives_up(body: list[ast.stmt]) -> bool:
    """Whether nothing is done instead: the program ends there, or says what is missing."""
    last = body[-1]
    if isinstance(last, ast.Raise):
        return True
    call = last.value if isinstance(last, ast.Expr) else None
    return isinstance(call, ast.Call) and dotted_name(call.func) in ("sys.exit", "exit", "quit", "os._exit")


def _imports(body: list[ast.stmt]) -> list[tuple[str, int]]:
    """Top-level names that statements import, without those within functions and classes."""
    found: list[tuple[str, int]] = []
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # A relative one is of the repository; the name says so to whoever asks.
            found.append(("." if node.level else (node.module or "").partition(".")[0], node.lineno))
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))
    return found


def _catches(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any((dotted_name(each) or "").split(".")[-1] in _CATCHES for each in kinds)


def _suppresses(context: ast.expr) -> bool:
    if not isinstance(context, ast.Call) or (dotted_name(context.func) or "").split(".")[-1] != "suppress":
        return False
    return any(_catches(argument) for argument in context.args)
