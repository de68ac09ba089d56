"""Every regular expression of the packages that read what a repository wrote, and how each is used."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

PACKAGES = (
    "janitor.validator",
    "janitor.inspection",
    "janitor.diagnosis",
    "janitor.agent",
    "janitor.guest",
    "janitor.protocol",
    "janitor.cli.render",
    "janitor.domain.repair",
    "janitor.services.repair",
)
_INLINE = frozenset({"search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"})
_ANCHORED = frozenset({"match", "fullmatch"})


@dataclass(frozen=True)
class Used:
    """One expression."""

    place: str
    """Module and name, or module and line."""
    pattern: re.Pattern[str]
    calls: frozenset[str]
    """The methods by which it is used; empty where that can't be told."""


def modules() -> Iterator[types.ModuleType]:
    """The modules of the packages."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def collected() -> dict[str, Used]:
    """What is compiled when a module is imported or by a cached function, and what is written within a call."""
    found: dict[str, Used] = {}
    calls: dict[int, set[str]] = {}
    sources: list[tuple[types.ModuleType, ast.Module]] = []
    for module in modules():
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
        sources.append((module, tree))
        for name, pattern in _uses(tree, module):
            calls.setdefault(id(pattern), set()).add(name)
    seen: set[int] = set()
    for module, tree in sources:
        for name, value in list(vars(module).items()):
            if callable(getattr(value, "cache_info", None)) and value.__module__ == module.__name__:
                held = _of_cached(value)
            else:
                held = value
            for path, pattern in _patterns(held, name):
                if id(pattern) not in seen and isinstance(pattern.pattern, str):
                    seen.add(id(pattern))
                    known = calls.get(id(pattern)) if path == name else None
                    found[f"{module.__name__}.{path}"] = Used(
                        f"{module.__name__}.{path}", pattern, frozenset(known or ())
                    )
        for call, literal, flags in _inline(tree):
            place = f"{module.__name__}:{call.lineno}"
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            found[f"{place} {literal[:30]}"] = Used(place, re.compile(literal, flags), frozenset({method}))
    return found


def unresolved() -> dict[str, str]:
    """The calls of `re` within functions whose expression isn't written out: module and source of the expression."""
    found = {}
    for module in modules():
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for call in ast.walk(node) if isinstance(node, (ast.FunctionDef, ast.Lambda)) else ():
                if not _is_re_call(call, {*_INLINE, "compile"}) or _literal(call.args[0]) or _is_cached(node):
                    continue
                found[f"{module.__name__}: {ast.unparse(call.args[0])[:80]}"] = ast.unparse(call)
    return found


def _of_cached(function: Any) -> Any:
    try:
        return function()
    except TypeError:
        return None


def _is_cached(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any("cache" in ast.unparse(each) for each in node.decorator_list)


def _patterns(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern):
        yield path, value
    elif depth < 4 and isinstance(value, Mapping):
        for key, each in value.items():
            yield from _patterns(key, f"{path}[key {str(key)[:20]}]", depth + 1)
            yield from _patterns(each, f"{path}[{str(key)[:40]}]", depth + 1)
    elif depth < 4 and isinstance(value, (tuple, list, set, frozenset)):
        for index, each in enumerate(value):
            yield from _patterns(each, f"{path}[{index}]", depth + 1)
    elif depth < 4 and hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        for field in value.__dataclass_fields__:
            yield from _patterns(getattr(value, field, None), f"{path}.{field}", depth + 1)


def _uses(tree: ast.Module, module: types.ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Method and expression of every use of a name that stands for one; a bare mention counts as any use."""
    methods: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = _resolved(node.value, module)
            if isinstance(owner, re.Pattern):
                methods.add(id(node.value))
                yield node.attr, owner
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) > 1:
            owner = _resolved(node.func.value, module)
            if isinstance(owner, re.Pattern) and node.func.attr in _ANCHORED:
                yield "finditer", owner  # from place to place
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load) and id(node) not in methods:
            owner = _resolved(node, module)
            if isinstance(owner, re.Pattern):
                yield "finditer", owner


def _resolved(node: ast.AST, module: types.ModuleType) -> Any:
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = getattr(module, node.value.id, None)
        return getattr(owner, node.attr, None) if isinstance(owner, types.ModuleType) else None
    return None


def _inline(tree: ast.Module) -> Iterator[tuple[ast.Call, str, int]]:
    for node in ast.walk(tree):
        if _is_re_call(node, _INLINE) and (literal := _literal(node.args[0])):
            given = next((each.value for each in node.keywords if each.arg == "flags"), None)
            flags = eval(ast.unparse(given), {"re": re}) if given is not None else 0
            yield node, literal, flags


def _is_re_call(node: ast.AST, names: frozenset[str] | set[str]) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in names
        and bool(node.args)
    )


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
