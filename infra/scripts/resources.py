"""What of the checkout outside `include` a wheel carries, so that an installed package finds its files.

Standard library alone: it runs while the wheel is built (`setup.py`), before anything is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

_PATTERNS = (
    "dags/*.py",
    "plugins/*.py",
    "plugins/.airflowignore",
    "infra/env/*.env",
    "infra/*.yaml",
    "infra/*.json",
    "infra/lambda/*.py",
    "infra/local/**/*",
    "infra/policies/*.json",
)
_NEVER = ("*.override.env",)
"""A checkout's own settings: they may hold secrets."""
_LEFT_BEHIND = ("__pycache__",)


def resources(root: Path) -> Iterator[Path]:
    """The files, relative to the checkout."""
    for pattern in _PATTERNS:
        for path in sorted(root.glob(pattern)):
            is_ours = not any(path.match(each) for each in _NEVER) and not set(_LEFT_BEHIND) & set(path.parts)
            if path.is_file() and is_ours:
                yield path.relative_to(root)


def copy_resources(root: Path, target: Path) -> list[Path]:
    """Copy them below a folder, each in its place; returns what was written."""
    written = []
    for name in resources(root):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, place)
        written.append(place)
    return written
