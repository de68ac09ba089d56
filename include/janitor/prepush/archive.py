"""Makes the one file that a worker's author needs: `janitor-validate.pyz`, which any Python from 3.10 on runs.

    python -m janitor.prepush.archive dist/janitor-validate.pyz

Invariant: the same sources give the same bytes, so that its sha256 names its content.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from janitor.validator.packaging import PACKAGES, ArtefactInfo, Program, build_program

ARTEFACT_NAME = "janitor-validate.pyz"
_MAIN = """\
import sys

if sys.version_info < (3, 10):
    sys.stderr.write("janitor-validate: needs Python 3.10 or newer, and this is %d.%d\\n" % sys.version_info[:2])
    sys.exit(2)

from janitor.prepush.command import run_and_exit

run_and_exit()
"""
"""Older interpreters must be able to read it, and to say what is wrong."""


def build_archive(destination: Path) -> ArtefactInfo:
    """Write the file, atomically.

    Args:
        destination: The file to write, or an existing folder that gets `janitor-validate.pyz`. Parents are made.

    Raises:
        OSError: The sources can't be read or the destination can't be written.
    """
    program = Program(name=ARTEFACT_NAME, main=_MAIN, packages=(*PACKAGES, "prepush"))
    return build_program(program, destination)


def main(arguments: Sequence[str]) -> int:
    """Write the file that is named, and say what it is."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m janitor.prepush.archive FILE\n")
        return 2
    built = build_archive(Path(arguments[0]))
    sys.stdout.write(f"{built.path}: {built.size / 1024:.0f} KiB, sha256 {built.sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
