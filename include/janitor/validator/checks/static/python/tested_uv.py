"""The one installer that resolves a repository's requirements outside an engine: a uv that is known to build nothing.

pip is none: it runs the build backend of whatever isn't a wheel of an index, `--only-binary` or not, and its other
options are read from more places than can be closed here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from janitor.guest.processes.supervisor import ProcessStartError, run

OLDEST_UV = (0, 5, 31)
"""Tried: with --no-build it refuses an index's source distributions, and says so in the words that are judged here.
Older ones call it a contradiction of the requirements. No release, this one included, refuses an editable package: the
grammar of `janitor.inspection.install.resolvable` keeps those out."""
_VERSION = re.compile(r"uv (\d+)\.(\d+)\.(\d+)\b")
_LIMIT = timedelta(seconds=20)


class NoTestedUvError(Exception):
    """There is none; the message says what was found and what to do."""


def find_tested_uv(path: str, *, cwd: Path, env: Mapping[str, str]) -> str:
    """The first uv that is new enough, on the search path or beside the interpreter, as on a laptop.

    Args:
        path: Search path for programs.
        cwd: Where it is asked for its version.
        env: Its environment there.

    Raises:
        NoTestedUvError: There is none.
    """
    found: list[str] = []
    for program in _candidates(path):
        try:
            outcome = run([program, "--version"], cwd=cwd, env=env, limit=_LIMIT, confined=True)
        except ProcessStartError:
            continue
        match = _VERSION.match(outcome.output.text) if outcome.exit_code == 0 else None
        if match is not None and tuple(int(part) for part in match.groups()) >= OLDEST_UV:
            return program
        if match is not None:
            found.append(match.group(0))
    wanted = ".".join(str(part) for part in OLDEST_UV)
    raise NoTestedUvError(
        f"there is no uv from {wanted} on ({', '.join(dict.fromkeys(found)) or 'none on PATH'}), "
        "and no other installer is known to build nothing; install uv"
    )


def _candidates(path: str) -> Iterator[str]:
    for folder in dict.fromkeys([*path.split(os.pathsep), str(Path(sys.executable).parent)]):
        # A relative folder would be searched from where the validator was started.
        if os.path.isabs(folder) and (program := shutil.which("uv", path=folder)):
            yield program
