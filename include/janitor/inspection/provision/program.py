"""The interpreter that the final image's program is started with, and what of the packages it can see."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from janitor.inspection.dockerfile.command import Command as StartCommand
from janitor.inspection.dockerfile.command import is_shell
from janitor.inspection.dockerfile.stages import Stage
from janitor.inspection.install.install import Install
from janitor.inspection.provision.commands.shell_lists import pieces
from janitor.inspection.provision.commands.shell_words import Shell
from janitor.inspection.provision.system.interpreters import Interpreter, matches
from janitor.inspection.provision.system.state import Found, Lookup, Missing, Removed, StageState
from janitor.inspection.provision.walk import Provision

_PYTHON = re.compile(r"(?:.*/)?python(?:\d+(?:\.\d+)*)?")
_BEFORE = frozenset({"tini", "dumb-init", "env", "nice", "stdbuf", "exec", "nohup", "time", "catchsegv"})
_RUNNERS = frozenset({"uv", "poetry", "pipenv", "pdm", "conda", "mamba", "micromamba"})
"""They start the program with a Python of their own choice: only whether they are there can be told."""
_CHANGES = re.compile(r"\bPATH=|activate|conda|mamba|pyenv|\balias\b|apt-get|\bapt\b|pip[\d.]*\s+install|\bln\s|\buv\s")
"""In a start script: what a reader can't follow to an interpreter and its packages."""
_LONGEST = 65_536


class Reach(str, Enum):
    """Whether what an installation brings is there for the program."""

    PROGRAM = "program"
    ASIDE = "aside"  # it is surely not: another stage's, another interpreter's
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Program:
    """How the program is started."""

    word: str
    """The interpreter, as it is written."""
    lookup: Lookup
    folders: tuple[str, ...]
    """Where it takes packages from, so far as a Dockerfile tells."""

    @property
    def interpreter(self) -> Interpreter | None:
        """None where it isn't known, or isn't there."""
        return self.lookup.interpreter if isinstance(self.lookup, Found) else None

    @property
    def is_missing(self) -> bool:
        """Whether nothing brings it."""
        return isinstance(self.lookup, Missing)


def started_program(
    provision: Provision,
    stage: Stage,
    command: StartCommand,
    *,
    read: Callable[[str], str | None],
    holds: Callable[[str], bool],
) -> Program | None:
    """The interpreter that the container starts the program with; None where that can't be told.

    Args:
        provision: Of the image.
        stage: The final one.
        command: What the container starts.
        read: The text of a file of the image; None for one that the repository hasn't.
        holds: Whether the repository puts something at an absolute path.
    """
    shell = Shell(variables=dict(stage.environment), workdir=stage.workdir, is_workdir_known=stage.is_workdir_known)
    word = _word(list(command.words), command, shell, read)
    if word is None:
        return None
    if "/" in word:
        word = shell.absolute(word)
    paths = [word] if "/" in word else [posixpath.join(folder, word) for folder in shell.folders or ()]
    state = provision.final
    found = state.look_up(word, shell.folders, holds_file=any(map(holds, paths)))
    reads: tuple[str, ...] = ()
    if isinstance(found, Found):
        reads = _reads(found.interpreter, shell.variables, stage, command)
    return Program(word=word, lookup=found, folders=reads)


def reach(install: Install, provision: Provision, program: Program | None) -> Reach:
    """Whether the program sees what an installation brings."""
    folder = provision.folders.get((install.line, install.place))
    if folder is None or program is None or program.interpreter is None or not install.line:
        return Reach.UNKNOWN
    state = provision.final
    for each in state.received(program.folders):
        if (each.line, each.place) == (install.line, install.place):
            return Reach.PROGRAM
    if any((each.line, each.place) == (install.line, install.place) for each in _removed_from(state, program)):
        return Reach.PROGRAM
    return Reach.ASIDE if state.open_packages is None else Reach.UNKNOWN


def removed_for(provision: Provision, program: Program) -> list[Removed]:
    """What was surely taken away from the program and can't have come back."""
    state = provision.final
    later = state.received(program.folders)
    return [
        each
        for each in _removed_from(state, program)
        if not any((one.line, one.place) > (each.line, each.place) for one in later)
        and not (each.is_by_hand and state.open_packages is not None)
    ]


def has_nothing(provision: Provision, program: Program) -> bool:
    """Whether no command has put any package where the program looks."""
    state = provision.final
    return program.interpreter is not None and state.open_packages is None and not state.received(program.folders)


def _removed_from(state: StageState, program: Program) -> list[Removed]:
    return [each for each in state.removed if any(matches(each.folder, read) for read in program.folders)]


def _reads(
    interpreter: Interpreter, environment: Mapping[str, str], stage: Stage, command: StartCommand
) -> tuple[str, ...]:
    """Its own folders, those of any user, of PYTHONPATH, and the one that the program lies in."""
    version = f"python{interpreter.version or '*'}"
    homes = ["/root", "/home/*", *filter(None, [environment.get("HOME")])]
    bases = [*(f"{home}/.local" for home in homes), *filter(None, [environment.get("PYTHONUSERBASE")])]
    own = [*interpreter.reads, *(f"{base}/lib/{version}/site-packages" for base in bases)]
    own += [posixpath.normpath(part) for part in environment.get("PYTHONPATH", "").split(":") if part]
    target = command.target
    if target is not None:
        own += [target.workdir, *([posixpath.dirname(target.script)] if target.script else [])]
    return tuple(dict.fromkeys((*own, stage.workdir)))


def _word(words: list[str], command: StartCommand, shell: Shell, read: Callable[[str], str | None]) -> str | None:
    while words and (words[0] == "--" or posixpath.basename(words[0]) in _BEFORE or _is_option(words)):
        words = words[1:]
    if words and posixpath.basename(words[0]) in _RUNNERS:
        return words[0]
    if not words or command.target is None:
        return None
    if _PYTHON.fullmatch(words[0]):
        return words[0]
    if not is_shell(words[0]):
        return _of_script(words[0], command, shell, read)
    texts = [following for word, following in itertools.pairwise(words) if re.fullmatch(r"-[a-z]*c", word)]
    if texts:
        # A login shell reads what may change PATH.
        return None if re.search(r"\s-\w*l", f" {' '.join(words[1:2])}") else _of_text(texts[0], command, shell)
    scripts = [word for word in words[1:] if not word.startswith("-")]
    return _of_script(scripts[0], command, shell, read) if scripts else None


def _is_option(words: Sequence[str]) -> bool:
    return words[0].startswith("-") or re.fullmatch(r"\d+|[A-Za-z_]\w*=.*", words[0]) is not None


def _of_script(path: str, command: StartCommand, shell: Shell, read: Callable[[str], str | None]) -> str | None:
    text = read(shell.absolute(path)) if shell.is_workdir_known or path.startswith("/") else None
    if text is None or _CHANGES.search(text) or len(text) > _LONGEST:
        return None
    return _of_text(text, command, shell)


def _of_text(text: str, command: StartCommand, shell: Shell) -> str | None:
    """The interpreter of the command that starts the target; None where more than plain commands lead to it."""
    target = command.target
    wanted = (target.script and posixpath.basename(target.script)) or (target.module or "") if target else ""
    found: str | None = None
    for piece in pieces(text[:_LONGEST]):
        each = shell.command(piece.text)
        if each.program in (".", "source"):
            match = re.fullmatch(r"(.+)/bin/activate", each.rest[0] if each.rest else "")
            if match is None or not each.is_clear:
                return None
            shell.activate(shell.absolute(match[1]))
        elif each.program == "cd":
            shell.enter(each)
        elif not each.words or each.program == "export":
            shell.assign(each)
        elif _PYTHON.fullmatch(each.program) and any(wanted in word for word in each.rest):
            if not piece.is_plain or piece.before == "||":
                return None
            found = each.program
    return found
