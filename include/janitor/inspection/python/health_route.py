"""Whether a program answers the load balancer's health request, as a worker without a handler does."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import PurePosixPath

from janitor.inspection.python.python_modules import Reader, SourceError

HEALTH_ROUTE = "/ping"
"""Source: RunPod's documentation of load balancing endpoints, which asks this of every worker."""


def health_route(paths: Iterable[PurePosixPath], read: Reader) -> PurePosixPath | None:
    """The first Python file that names the health route.

    Args:
        paths: Files to look into.
        read: Gives a file's text.
    """
    for path in paths:
        try:
            text = read(path)
            if text is not None and HEALTH_ROUTE in text and _names_it(ast.parse(text)):
                return path
        except (SourceError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _names_it(module: ast.Module) -> bool:
    strings = (node.value for node in ast.walk(module) if isinstance(node, ast.Constant))
    return any(isinstance(value, str) and value.rstrip("/") == HEALTH_ROUTE for value in strings)
