"""What importing a module surely imports of the packages that are installed, down to compiled modules.

Followed are statements at the top of a file alone: what stands in a function, a condition or a `try` may never be run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

_MOST_FILES, _MOST_CHARACTERS = 400, 8 * 1024 * 1024
_LARGEST_FILE = 1024 * 1024
_OWN_WAYS = {"cv2": "cv2/cv2*.so", "lightgbm": "lightgbm/lib/lib_lightgbm.so", "open3d": "open3d/cpu/pybind*.so"}
"""Packages that load a compiled part in a way which no statement shows."""


def surely_loaded(folder: Path, modules: Iterable[str]) -> dict[Path, str]:
    """The compiled modules that are loaded when these modules are imported, each with the module that was asked for.

    Args:
        folder: Of the packages.
        modules: By their names.
    """
    walk = _Walk(folder)
    for module in modules:
        walk.follow(module)
    return walk.loaded


class _Walk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self._files, self._room = _MOST_FILES, _MOST_CHARACTERS
        self.loaded: dict[Path, str] = {}

    def follow(self, asked: str) -> None:
        waiting = [asked]
        while waiting:
            dotted = waiting.pop()
            parts = dotted.split(".")
            # A module's packages are imported before it.
            for depth in range(1, len(parts) + 1):
                name = ".".join(parts[:depth])
                if name not in self._seen and all(part.isidentifier() for part in parts[:depth]):
                    self._seen.add(name)
                    waiting += self._module(name, asked)

    def _module(self, dotted: str, asked: str) -> list[str]:
        """What a module imports; what is compiled of it is noted."""
        target = self._folder.joinpath(*dotted.split("."))
        for path in target.parent.glob(f"{target.name}.*so") if target.parent.is_dir() else ():
            if path.name.split(".")[0] == target.name:
                self.loaded.setdefault(path, asked)
        if pattern := _OWN_WAYS.get(dotted):
            for path in self._folder.glob(pattern):
                self.loaded.setdefault(path, asked)
        package = target / "__init__.py"
        if package.is_file():
            return self._imports(package, dotted)
        source = target.with_name(f"{target.name}.py")
        return self._imports(source, dotted.rpartition(".")[0]) if source.is_file() else []

    def _imports(self, path: Path, package: str) -> list[str]:
        self._files -= 1
        if self._files < 0 or self._room < 0 or path.stat().st_size > _LARGEST_FILE:
            return []
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            self._room -= len(text)
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        return [name for node in tree.body for name in _names(node, package)]


def _names(node: ast.stmt, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package.split(".")
        if node.level > len(above):
            return []
        kept = above[: len(above) - node.level + 1]
        base = ".".join([*kept, *([base] if base else [])])
    # What is imported from a package may be a module of it; if there is none of that name, nothing is found.
    return [base, *(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")] if base else []
