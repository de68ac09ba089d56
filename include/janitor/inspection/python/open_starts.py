"""Whether a module may start the SDK in a way that shows no start call: by another name, or through a package."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterator

from janitor.inspection.python.python_modules import Module

_SDK = frozenset({"runpod", "runpod.serverless", "runpod.serverless.start"})
_HANDLER = re.compile(r"(?i)handle")
_SERVES = re.compile(r"(?i)serve|start|run|worker|handle|register|endpoint|job|task")
"""In the name of a decorator."""
_DEPTH = 8
"""How many assignments are followed to an import."""


def may_start_unseen(
    module: Module, *, origin: Callable[[ast.expr], str | None], is_own: Callable[[str, str | None], bool]
) -> bool:
    """Whether a start call may be where none is seen.

    Args:
        module: One of a worker's files.
        origin: Where what an expression names was imported from, as a dotted name.
        is_own: Whether an import, a dotted module and a name in it, reads a file of the repository.
    """
    return (
        _hands_on_the_sdk(module, origin)
        or any(_gives_away(module, name, is_own) for name in module.definitions)
        or any(
            _is_foreign(module, call.func, is_own) and any(_is_handler(module, *given) for given in _values(call))
            for call in module.calls
        )
    )


def _gives_away(module: Module, name: str, is_own: Callable[[str, str | None], bool]) -> bool:
    """Whether a handler is decorated by a package with what says that it serves or registers it."""
    decorators = [each for node in module.definitions[name] for each in node.decorator_list]
    texts = (ast.unparse(each.func if isinstance(each, ast.Call) else each) for each in decorators)
    return _HANDLER.search(name) is not None and any(
        _SERVES.search(text.rpartition(".")[2]) and _is_foreign(module, each, is_own)
        for each, text in zip(decorators, texts, strict=True)
    )


def _hands_on_the_sdk(module: Module, origin: Callable[[ast.expr], str | None]) -> bool:
    """Whether the SDK's modules or its start are values here: assigned, passed, stored."""
    used = {id(call.func) for call in module.calls}
    nodes = list(ast.walk(module.tree))
    used |= {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    return any(
        isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Load)
        and id(node) not in used
        and origin(node) in _SDK
        for node in nodes
    )


def _values(call: ast.Call) -> Iterator[tuple[str | None, ast.expr]]:
    """What a call is given, each with its keyword; a dictionary's values with their keys."""
    for name, value in [(None, each) for each in call.args] + [(each.arg, each.value) for each in call.keywords]:
        yield name, value
        if isinstance(value, ast.Dict):
            for key, item in zip(value.keys, value.values, strict=True):
                yield (str(key.value) if isinstance(key, ast.Constant) else None), item


def _is_handler(module: Module, name: str | None, value: ast.expr) -> bool:
    """Whether it is named as one, and takes a job: what takes more handles errors or signals."""
    own = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
    known = [each for each in module.definitions.get(own, []) if isinstance(each, ast.FunctionDef)]
    takes_one = not known or any(len(each.args.args) - len(each.args.defaults) <= 1 for each in known)
    return name == "handler" or (_HANDLER.search(own) is not None and takes_one)


def _is_foreign(module: Module, function: ast.expr, is_own: Callable[[str, str | None], bool]) -> bool:
    """Whether what is called comes from a package that is neither the repository's, nor Python's, nor the SDK."""
    node = function
    for _ in range(_DEPTH):
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
            node = node.func if isinstance(node, ast.Call) else node.value
        if not isinstance(node, ast.Name):
            return False
        name = node.id
        bound = [dotted for local, dotted in module.imports.items() if local == name or local.startswith(f"{name}.")]
        if bound:
            return any(_is_package(dotted) and not is_own(dotted, member) for dotted, member in bound)
        if values := module.assigned.get(name):
            node = values[0]
            continue
        is_known = name in module.definitions or hasattr(builtins, name)
        return not is_known and any(_is_package(star) and not is_own(star, None) for star in module.stars)
    return False


def _is_package(dotted: str) -> bool:
    head = dotted.partition(".")[0]
    return bool(head) and head != "runpod" and head not in sys.stdlib_module_names
