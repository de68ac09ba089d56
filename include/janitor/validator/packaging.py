"""Makes the one file that travels to the instance: a zipapp of `janitor.validator` and what it imports.

Invariant: the same sources give the same bytes, whatever the time, the machine or the order of its directories; so
the artefact's sha256 names its content.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ARTEFACT_NAME = "janitor-validator.pyz"

PACKAGES = ("diagnosis", "guest", "inspection", "protocol", "validator")
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = """\
from janitor.validator.cli import run_and_exit

run_and_exit()
"""
_ROOT_PACKAGE = '"""The part of Janitor that runs on an instance."""\n'
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can state."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is packed."""

    name: str
    """Of the file, where a folder is named."""
    main: str
    """Its first module."""
    packages: tuple[str, ...]
    """Of `janitor`."""


_VALIDATOR = Program(name=ARTEFACT_NAME, main=_MAIN, packages=PACKAGES)


@dataclass(frozen=True, kw_only=True)
class ArtefactInfo:
    """A written artefact."""

    path: Path
    sha256: str
    size: int
    """Bytes."""


def build_artefact(destination: Path) -> ArtefactInfo:
    """Write the validator as one executable file, atomically.

    Args:
        destination: The file to write, or an existing folder that gets `janitor-validator.pyz`. Parents are made.

    Raises:
        OSError: The sources can't be read or the destination can't be written.
    """
    return build_program(_VALIDATOR, destination)


def build_program(program: Program, destination: Path) -> ArtefactInfo:
    """The same for any program of these sources.

    Raises:
        OSError: The sources can't be read or the destination can't be written.
    """
    path = destination / program.name if destination.is_dir() else destination
    content = _SHEBANG + _archive(program)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o755)  # noqa: S103  # a program; it holds nothing secret
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return ArtefactInfo(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def _archive(program: Program) -> bytes:
    root = Path(__file__).resolve().parent.parent
    sources = {"__main__.py": program.main.encode(), "janitor/__init__.py": _ROOT_PACKAGE.encode()}
    for package in program.packages:
        for source in (root / package).rglob("*.py"):
            sources["janitor/" + source.relative_to(root).as_posix()] = source.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(sources):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            # Stored: deflate's bytes differ between zlib versions, and unpacking would cost start-up time.
            entry.compress_type = zipfile.ZIP_STORED
            archive.writestr(entry, sources[name])
    return buffer.getvalue()
