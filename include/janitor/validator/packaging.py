"""Makes the one file that travels to the instance: a zipapp of `janitor.validator` and what it imports.

Invariant: the same sources give the same bytes from the same Python, whatever the time, the machine or the order of its
directories; so the artefact's sha256 names its content.

Beside each source of the validator lies its bytecode, or every start would compile them all anew: nearly half of what a
validation takes that builds nothing. Another version of Python passes over bytecode that isn't its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import os
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

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
_UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a .pyc that is never compared with its source: both lie in one file. Source: PEP 552."""
_IS_REPRODUCIBLE = sys.version_info >= (3, 11) and not sys.flags.optimize
"""Earlier versions write sets in an order that differs between processes; -O makes code of its own."""
_WITHOUT_REFERENCES = 2
"""The format of `marshal` whose bytes don't depend on what else a process holds."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is packed."""

    name: str
    """Of the file, where a folder is named."""
    main: str
    """Its first module."""
    packages: tuple[str, ...]
    """Of `janitor`."""
    with_bytecode: bool = False
    """For what starts often, and on machines whose Python is this one."""


_VALIDATOR = Program(name=ARTEFACT_NAME, main=_MAIN, packages=PACKAGES, with_bytecode=True)


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
    entries = {"__main__.py": program.main.encode(), "janitor/__init__.py": _ROOT_PACKAGE.encode()}
    for package in program.packages:
        for source in (root / package).rglob("*.py"):
            name = "janitor/" + source.relative_to(root).as_posix()
            entries[name] = source.read_bytes()
            if program.with_bytecode and _IS_REPRODUCIBLE:
                entries[f"{name}c"] = _bytecode(name, source, entries[name])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            # Stored: deflate's bytes differ between zlib versions, and unpacking would cost start-up time.
            entry.compress_type = zipfile.ZIP_STORED
            archive.writestr(entry, entries[name])
    return buffer.getvalue()


def _bytecode(name: str, source: Path, text: bytes) -> bytes:
    """What Python keeps in a .pyc; a zipapp's own modules are looked for as `.pyc` before `.py`."""
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    code = SourceFileLoader(module, str(source)).get_code(module)  # this process's own cache has most of it
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(text)
    assert code is not None  # only extensions have none
    return head + marshal.dumps(_placed(code, name), _WITHOUT_REFERENCES)


def _placed(code: CodeType, name: str) -> CodeType:
    """The same code with the artefact's names in place of this machine's."""
    inner = tuple(_placed(each, name) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=name, co_consts=inner)
