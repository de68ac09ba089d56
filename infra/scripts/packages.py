#!/usr/bin/env python3
"""Prints the part of requirements.lock that some packages need, with hashes: what an image installs, and nothing else.

    python3 infra/scripts/packages.py requirements.lock pydantic-ai-slim
    python3 infra/scripts/packages.py --alone requirements.lock aiosql

With `--alone` it prints the named packages without what they need, for where that is there already. Goes by the lock's
own notes of what needs what (`# via`). Needs the standard library alone.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_ENTRY = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==")
_VIA = re.compile(r"^\s+#\s+(?:via\s+)?([A-Za-z0-9][A-Za-z0-9._-]*)")


class LockError(Exception):
    """The lock doesn't hold what is asked for."""


def subset(lock: str, wanted: list[str], *, alone: bool = False) -> str:
    """The entries of a lock that `wanted` and all that they need make.

    Args:
        lock: Text of a lock as `uv pip compile --generate-hashes` writes it.
        wanted: Names of packages.
        alone: Leave out what they need.

    Raises:
        LockError: A package is not in the lock.
    """
    entries = _entries(lock)
    known = {name for name, _, _ in entries}
    chosen = {_normal(name) for name in wanted}
    if missing := sorted(chosen - known):
        raise LockError(f"not in the lock: {', '.join(missing)}")
    while not alone:
        more = {name for name, parents, _ in entries if name not in chosen and parents & chosen}
        if not more:
            break
        chosen |= more
    return "".join(text for name, _, text in entries if name in chosen)


def _entries(lock: str) -> list[tuple[str, set[str], str]]:
    """Name, what needs it, and text of each entry; a package can have several, for different Pythons."""
    found: list[tuple[str, set[str], list[str]]] = []
    for line in lock.splitlines(keepends=True):
        if match := _ENTRY.match(line):
            found.append((_normal(match.group(1)), set(), [line]))
        elif found and line.startswith((" ", "\t")):
            if via := _VIA.match(line):
                found[-1][1].add(_normal(via.group(1)))
            found[-1][2].append(line)
    return [(name, parents, "".join(lines)) for name, parents, lines in found]


def _normal(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> int:
    """Print the subset; 2 for bad usage."""
    alone = arguments[:1] == ["--alone"]
    arguments = arguments[alone:]
    if len(arguments) < 2:
        print("usage: packages.py [--alone] LOCK PACKAGE...", file=sys.stderr)  # noqa: T201  # what the program tells
        return 2
    try:
        print(subset(Path(arguments[0]).read_text(), arguments[1:], alone=alone), end="")  # noqa: T201  # what the program tells
    except (OSError, LockError) as exc:
        print(f"packages.py: {exc}", file=sys.stderr)  # noqa: T201  # what the program tells
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
