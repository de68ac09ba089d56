"""Interpreters of an image, and the folders that they put packages into and take them from.

Packages lie in folders. An interpreter reads some of them, and pip writes to one: what another interpreter got, or
another stage, is only there for a program whose interpreter reads that folder.
"""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass

ANY = "*"
"""Stands for what isn't known in a folder's name: one part of it, or what a part ends with."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python that an image has."""

    path: str
    """Absolute path by which it was found first."""
    version: str | None
    """Such as 3.11; None where that isn't known."""
    writes: str
    """The folder that pip puts packages into."""
    reads: tuple[str, ...]
    """The folders that it takes packages from, beside those of its user and of PYTHONPATH."""
    is_managed: bool | None = False
    """Whether it refuses `pip install`, as the system's own does by PEP 668; None where that isn't known."""
    folder: str | None = None
    """Of a virtual environment."""
    links_to: str | None = None
    """The interpreter that a virtual environment was made with, by its path."""
    is_system: bool = False
    """Whether it is one of the distribution's packages."""


def _numbered(version: str | None) -> str:
    return f"python{version or ANY}"


def own_python(version: str | None) -> Interpreter:
    """That of the official images of Python."""
    folder = f"/usr/local/lib/{_numbered(version)}/site-packages"
    return Interpreter(path="/usr/local/bin/python3", version=version, writes=folder, reads=(folder,))


def system_python(version: str | None, *, is_managed: bool | None) -> Interpreter:
    """The `python3` of Debian's and Ubuntu's packages: pip puts packages beside those of the distribution."""
    folder = f"/usr/local/lib/{_numbered(version)}/dist-packages"
    return Interpreter(
        path="/usr/bin/python3",
        version=version,
        writes=folder,
        reads=(folder, "/usr/lib/python3/dist-packages", f"/usr/lib/{_numbered(version)}/dist-packages"),
        is_managed=is_managed,
        is_system=True,
    )


def numbered_python(version: str) -> Interpreter:
    """A further Python of the distribution's kind, such as python3.11 where python3 is 3.10."""
    found = system_python(version, is_managed=None)
    return Interpreter(
        path=f"/usr/bin/python{version}",
        version=version,
        writes=found.writes,
        reads=found.reads,
        is_managed=None,
        is_system=True,
    )


def environment(folder: str, made_with: Interpreter | None, *, reads_system: bool) -> Interpreter:
    """A virtual environment.

    Args:
        folder: Of the environment.
        made_with: The interpreter that it links to; None where that isn't known.
        reads_system: Whether it takes that one's packages, too.
    """
    version = made_with.version if made_with is not None else None
    own = site_of(folder, version)
    return Interpreter(
        path=posixpath.join(folder, "bin/python"),
        version=version,
        writes=own,
        reads=(own, *(made_with.reads if made_with is not None and reads_system else ())),
        folder=folder,
        links_to=made_with.path if made_with is not None else None,
    )


def site_of(prefix: str, version: str | None) -> str:
    """The folder of packages below a prefix."""
    return posixpath.join(prefix, "lib", _numbered(version), "site-packages")


def matches(one: str, other: str) -> bool:
    """Whether two folders may be the same: either may hold what isn't known."""
    ones, others = one.split("/"), other.split("/")
    return len(ones) == len(others) and all(
        fnmatch.fnmatchcase(left, right) or fnmatch.fnmatchcase(right, left)
        for left, right in zip(ones, others, strict=True)
    )


def moved(folder: str, source: str, destination: str) -> str | None:
    """Where a folder is after a copy of one around it, or of it; None where it isn't copied.

    Of a copy of single packages out of a folder the folder around them is told.
    """
    source, destination = source.rstrip("/") or "/", destination.rstrip("/") or "/"
    parts, wanted = folder.strip("/").split("/"), [part for part in source.strip("/").split("/") if part]
    if len(wanted) <= len(parts):
        if all(map(matches, parts, wanted)):
            return posixpath.normpath(posixpath.join(destination, *parts[len(wanted) :]))
        return None
    if all(map(matches, parts, wanted)):
        return posixpath.dirname(destination)
    return None
