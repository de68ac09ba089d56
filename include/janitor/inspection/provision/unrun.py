"""Which commands of a build an engine that builds no image has left out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass

from janitor.inspection.dockerfile.stages import Dockerfile, Run
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.provision.shell_lists import pieces
from janitor.inspection.provision.shell_words import Shell

_STAND_FOR_NOTHING = frozenset({"true", ":", "cd", "export", "set", "echo", "mkdir", "umask", "unset"})
"""They make nothing but what the engine makes as well, or have an effect on the commands beside them alone."""
_UPKEEP = re.compile(r"(?:/var/lib/apt/lists|/var/cache|/root/\.cache|~/\.cache|/tmp)(?:/.*)?")
_LONGEST = 65_536
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Unrun:
    """What of one RUN was not run."""

    line: int
    text: str
    """Its commands, on one line."""


def unrun_commands(dockerfile: Dockerfile, done: Collection[tuple[int, int]]) -> list[Unrun]:
    """The RUN instructions of the stages that are built of which something was left out, in their order.

    Args:
        dockerfile: The Dockerfile.
        done: (line, place of the command) of what was carried out.
    """
    found = []
    for stage in used_stages(dockerfile):
        for step in stage.steps:
            if isinstance(step, Run) and (left := _left(step, done)):
                found.append(Unrun(line=step.line, text=left))
    return found


def _left(run: Run, done: Collection[tuple[int, int]]) -> str:
    if len(run.command) > _LONGEST or run.has_data:
        return _short(run.command)
    shell = Shell(variables=dict(run.environment), workdir=run.workdir)
    left = [
        piece.text
        for piece in pieces(run.command)
        if (run.line, piece.place) not in done and not _stands_for_nothing(piece.text, shell)
    ]
    return _short(" ; ".join(left))


def _stands_for_nothing(text: str, shell: Shell) -> bool:
    command = shell.command(text)
    program = posixpath.basename(command.program)
    if text.startswith("<<") or not command.words:
        return True
    if command.written:
        return False
    if program == "rm":
        return all(_UPKEEP.fullmatch(word) for word in command.rest if not word.startswith("-"))
    makes_environment = command.rest[:2] == ("-m", "venv") or (program == "uv" and command.rest[:1] == ("venv",))
    activates = program in (".", "source") and bool(command.rest) and command.rest[0].endswith("/bin/activate")
    return program in _STAND_FOR_NOTHING or makes_environment or activates


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
