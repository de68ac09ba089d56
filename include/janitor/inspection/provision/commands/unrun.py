"""Which commands of a build an engine that builds no image has left out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass

from janitor.inspection.dockerfile.base_images import SYSTEM_FOLDERS
from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Run
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.provision.commands.shell_lists import pieces
from janitor.inspection.provision.commands.shell_words import Command, Shell

_UPKEEP = re.compile(r"(?:/var/lib/apt/lists|/var/cache|/root/\.cache|~/\.cache|/tmp)(?:/.*)?")
_PLAIN_SET = re.compile(r"[-+][euxv]+")
_NOUNSET = re.compile(r"-[a-z]*u[a-z]*|nounset")
_SUBSTITUTES = re.compile(r"\$\(|`|\$\{[^}]{0,200}[?]")
_ROOT = (None, "root", "0", "0:0", "root:root", "root:0", "0:root")
_MOST_FOLDERS = 2_000
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

    What surely succeeds and makes nothing but what the engine makes as well is not told.

    Args:
        dockerfile: The Dockerfile.
        done: (line, place of the command) of what was carried out.
    """
    found = []
    folders: dict[int, set[str]] = {}
    for stage in used_stages(dockerfile):
        own = set(folders[stage.parent.index]) if stage.parent is not None else set(SYSTEM_FOLDERS)
        folders[stage.index] = own
        for step in stage.steps:
            if isinstance(step, Copy):
                _copied(step, own)
            elif left := _Left(step, own).of(done):
                found.append(Unrun(line=step.line, text=left))
    return found


def _copied(copy: Copy, folders: set[str]) -> None:
    """The folder that a COPY surely makes: one that it names as such, or one that a folder is copied to."""
    sources = [posixpath.basename(each) for each in copy.sources]
    is_folder = copy.destination.endswith("/") or copy.from_ is not None or len(sources) > 1
    is_folder = is_folder or any(not each or each == "." or "." not in each for each in sources)
    _add(folders, copy.target if is_folder else posixpath.dirname(copy.target))


def _add(folders: set[str], path: str) -> None:
    """A folder that is there, and those around it."""
    while path not in folders and path.startswith("/") and len(folders) < _MOST_FOLDERS:
        folders.add(path)
        path = posixpath.dirname(path)


class _Left:
    """Goes through one RUN.

    Args:
        run: The instruction.
        folders: Those that are surely there; what it makes is added.
    """

    def __init__(self, run: Run, folders: set[str]) -> None:
        self._run = run
        self._folders = folders
        self._shell = Shell(variables=dict(run.environment), workdir=run.workdir)
        self._refuses_unset = any(_NOUNSET.fullmatch(word) for word in run.shell[1:])
        _add(folders, run.workdir)

    def of(self, done: Collection[tuple[int, int]]) -> str:
        """Its commands that were left out, on one line."""
        run = self._run
        if len(run.command) > _LONGEST or run.has_data:
            return _short(run.command)
        left = []
        for piece in pieces(run.command):
            if not self._stands_for_nothing(piece.text) and (run.line, piece.place) not in done:
                left.append(piece.text)
        return _short(" ; ".join(left))

    def _stands_for_nothing(self, text: str) -> bool:
        if text.startswith("<<"):
            return True
        command = self._shell.command(text)
        program = posixpath.basename(command.program)
        if not command.words or program == "export":
            self._shell.assign(command)
        # What it reads may not be there: `$(…)` runs a program, `${NAME:?}` and `set -u` end the shell.
        reads = _SUBSTITUTES.search(text) is not None or (self._refuses_unset and "$" in text)
        if not command.words:
            return not reads
        is_sure = self._surely_succeeds(program, command)
        return is_sure and not reads and not command.written

    def _surely_succeeds(self, program: str, command: Command) -> bool:
        words = command.rest
        if program in ("true", ":", "echo", "export"):
            return not command.is_negated
        if program == "set":
            self._refuses_unset = self._refuses_unset or any(map(_NOUNSET.fullmatch, words))
            has_pipefail = posixpath.basename(self._run.shell[0]) == "bash" if self._run.shell else False
            return all(
                _PLAIN_SET.fullmatch(w) or (has_pipefail and w in ("-o", "-eo", "-euo", "pipefail")) for w in words
            )
        if program in ("umask", "unset"):
            return command.is_clear and bool(words) and not any(word.startswith("-") for word in words)
        if program == "cd":
            self._shell.enter(command)
            return not words or (self._shell.is_workdir_known and self._shell.workdir in self._folders)
        if program in (".", "source"):
            name = words[0] if words else ""
            is_there = self._shell.absolute(name.removesuffix("/bin/activate")) in self._folders
            return name.endswith("/bin/activate") and is_there
        if self._run.user in _ROOT and program in ("mkdir", "rm"):
            return self._made(command) if program == "mkdir" else _is_upkeep(command)
        return self._makes_environment(program, command)

    def _made(self, command: Command) -> bool:
        """Whether it is a `mkdir -p` of folders that are known."""
        options = [word for word in command.rest if word.startswith("-")]
        named = [word for word in command.rest if not word.startswith("-")]
        makes_all = any(re.fullmatch(r"-v?pv?|--parents", word) for word in options)
        if not command.is_clear or not named or not makes_all or not self._shell.is_workdir_known:
            return False
        for word in named:
            _add(self._folders, self._shell.absolute(word))
        return True

    def _makes_environment(self, program: str, command: Command) -> bool:
        is_uv = program == "uv" and command.rest[:1] == ("venv",)
        words = command.rest[1:] if is_uv else command.rest[2:]
        is_made = is_uv or command.rest[:2] == ("-m", "venv")
        if is_made or program == "virtualenv":
            folders = [word for word in (words if is_made else command.rest) if not word.startswith("-")]
            for word in folders or [".venv"]:
                _add(self._folders, self._shell.absolute(word))
        return is_made


def _is_upkeep(command: Command) -> bool:
    """Whether it is an `rm -f` of what packages and downloads have left behind."""
    is_forced = any(re.fullmatch(r"-[a-zA-Z]*f[a-zA-Z]*|--force", word) for word in command.rest)
    return is_forced and all(_UPKEEP.fullmatch(word) for word in command.rest if not word.startswith("-"))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
