"""Where in a repository a module may be that Python doesn't find where it looks by itself.

COPY can put files of several folders into one or give them another name, PYTHONPATH and `sys.path` can name any folder,
and an installed package of the repository can lie in `src`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import PurePosixPath

_MOST_FOUND = 4
"""Files that one module may be in."""
_MOST_OF_ONE_NAME = 200
_MOST_PARTS = 12


class ModulePlaces:
    """Finds modules by the end of their path.

    Args:
        files: Path by which a module could be found, in the image or the repository, and the file in the repository.
    """

    def __init__(self, files: Iterable[tuple[PurePosixPath, PurePosixPath]]) -> None:
        self._places: dict[str, list[tuple[tuple[str, ...], PurePosixPath]]] = {}
        for path, file in files:
            if path.suffix == ".py":
                parts = tuple(part for part in path.parent.parts if part != "/")
                name = parts if path.name == "__init__.py" else (*parts, path.stem)
                places = self._places.setdefault(name[-1], []) if name else []
                if len(places) < _MOST_OF_ONE_NAME:
                    places.append((name, file))

    def find(self, parts: tuple[str, ...]) -> list[PurePosixPath]:
        """The files that may be this module; none for Python's own and the SDK."""
        if parts[0] in sys.stdlib_module_names or parts[0] == "runpod" or len(parts) > _MOST_PARTS:
            return []
        found = (file for name, file in self._places.get(parts[-1], ()) if name[-len(parts) :] == parts)
        return list(dict.fromkeys(found))[:_MOST_FOUND]
