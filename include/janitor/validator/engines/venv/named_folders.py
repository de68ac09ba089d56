"""The folders of the image that a worker's programs name by their absolute paths, which the venv engine hasn't."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import PurePosixPath

from janitor.inspection.tree import RepositoryTree, UnreadableError

_LITERAL = re.compile(r"['\"](/[\w.@+-]+(?:/[\w.@+-]+)*/?)['\"]")
_MOST_FILES = 500
_MOST_FOLDERS = 200


def named_folders(
    image_files: Mapping[str, PurePosixPath], tree: RepositoryTree, in_image: Callable[[str], bool]
) -> frozenset[str]:
    """Absolute paths that stand in the programs as texts and that the image has.

    Args:
        image_files: Absolute path in the image → path in the repository.
        tree: The checkout.
        in_image: Whether the repository puts something at an absolute path.
    """
    found: set[str] = set()
    for source in islice((each for each in image_files.values() if each.suffix == ".py"), _MOST_FILES):
        try:
            text = tree.read_text(source)
        except UnreadableError:
            continue
        named = {posixpath.normpath(match.group(1)) for match in _LITERAL.finditer(text)}
        found |= {path for path in named if in_image(path)}
        if len(found) >= _MOST_FOLDERS:
            break
    return frozenset(found)
