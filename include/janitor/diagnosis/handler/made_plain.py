"""Finds objects of which the SDK's API makes plain JSON, and which the platform never gets: `json.dumps` refuses them.

A dataclass or a pydantic model prints like a named tuple, which is sent as a list. Beside the API's answer they can be
told apart: what printed as a call has become an object with names of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

_UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError)
_LONGEST = 20_000


def made_plain(printed: str, answered: Any) -> str | None:
    """The class of an object that the API turned into a plain one; None if there is none so far as can be told.

    Args:
        printed: The repr of what was returned or yielded.
        answered: The same in the API's answer, as decoded from JSON.
    """
    if len(printed) > _LONGEST or not isinstance(answered, (Mapping, list)):
        return None
    try:
        tree = ast.parse(printed.strip(), mode="eval")
    except _UNREADABLE:
        return "a model" if _is_model_text(printed, answered) else None
    waiting: list[tuple[ast.expr, Any]] = [(tree.body, answered)]
    while waiting:
        node, value = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(value, Mapping):
            if _is_no_mapping(node):
                return ast.unparse(node.func)
        elif isinstance(node, ast.Dict) and isinstance(value, Mapping):
            for key, item in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value in value:
                    waiting.append((item, value[key.value]))
        elif isinstance(node, (ast.List, ast.Tuple)) and isinstance(value, list) and len(node.elts) == len(value):
            waiting += zip(node.elts, value, strict=True)
    return None


def _is_no_mapping(call: ast.Call) -> bool:
    """Whether no kind of dict is printed so: with its members as keywords, or with nothing that could hold them."""
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    return bool(call.keywords) if not call.args else all(isinstance(part, ast.Constant) for part in parts)


def _is_model_text(printed: str, answered: Any) -> bool:
    """Whether it is an object as pydantic's `str` prints a model, which is how the SDK logs what is yielded."""
    names = list(answered) if isinstance(answered, Mapping) else []
    return bool(names) and printed.startswith(f"{names[0]}=") and all(f" {name}=" in f" {printed}" for name in names)
