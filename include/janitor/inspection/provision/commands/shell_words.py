"""A simple command as its program sees it: variables set before it, wrappers taken off, the folder that it runs in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from janitor.inspection.dockerfile.expand import expand
from janitor.inspection.dockerfile.lexer import split_words
from janitor.inspection.provision.system.state import path_folders
from janitor.inspection.shell_pieces import without_redirections, written_files

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_WRAPPERS = frozenset(
    {"sudo", "exec", "env", "time", "nice", "nohup", "command", "eatmydata", "!", "then", "do", "else"}
)
_MOST_WRAPPERS = 8


@dataclass(frozen=True, kw_only=True)
class Command:
    """A simple command."""

    words: tuple[str, ...]
    """Without redirections, wrappers and variables; empty for what only sets variables."""
    variables: Mapping[str, str]
    """As its program has them."""
    written: tuple[str, ...]
    """Where its output goes."""
    is_clear: bool
    """Whether every word is known: no variable without a value, nothing that only a shell expands."""
    wrappers: tuple[str, ...] = ()
    """Programs before it that only run it, and a `!`."""

    @property
    def program(self) -> str:
        """Its first word; empty where there is none."""
        return self.words[0] if self.words else ""

    @property
    def is_negated(self) -> bool:
        """Whether it stands behind a `!`."""
        return "!" in self.wrappers

    @property
    def rest(self) -> tuple[str, ...]:
        """What follows the program."""
        return self.words[1:]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command is run in."""

    line: int
    place: int
    user: str | None
    """Who runs it; None for the base image's user."""
    is_sure: bool
    """Whether it is run in any case, and not instead of another."""
    read: Callable[[str], str | None]
    """The text of a file that the repository has put at an absolute path; None where there is none."""


@dataclass(kw_only=True)
class Shell:
    """One RUN's shell, as it goes on."""

    variables: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    is_workdir_known: bool = True
    is_path_known: bool = True
    has_shell: bool = True
    """Whether a shell reads the words; the exec form has none."""

    @property
    def folders(self) -> tuple[str, ...] | None:
        """The folders of PATH; None where they aren't known."""
        return path_folders(self.variables) if self.is_path_known else None

    def absolute(self, path: str) -> str:
        """A path as it is from the folder that the shell is in."""
        path = posixpath.join(self.variables.get("HOME", "/root"), path[2:]) if path.startswith("~/") else path
        return posixpath.normpath(posixpath.join(self.workdir, path))

    def command(self, text: str) -> Command:
        """A simple command of this text."""
        bare, redirections = without_redirections(text)
        seen = expand(bare, self.variables, keeps_unknown=True)
        words = split_words(seen.text)
        variables, wrappers = dict(self.variables), list[str]()
        for _ in range(_MOST_WRAPPERS):
            if not words:
                break
            if match := _ASSIGNMENT.fullmatch(words[0]):
                variables[match[1]] = match[2]
            elif words[0] in _WRAPPERS or (words[0] in ("-H", "-E") and len(words) > 1):
                wrappers.append(words[0])
            else:
                break
            words = words[1:]
        written = [each.file.strip("\"'") for each in redirections if ">" in each.operator]
        written += written_files(words) if words else []
        return Command(
            words=tuple(words),
            variables=variables,
            written=tuple(each for each in written if not each.startswith(("/dev/", "&")) and not each.isdigit()),
            is_clear=not any(re.search(r"[$`]|^[^'\"]*[*?]|<\(", word) for word in words),
            wrappers=tuple(wrappers),
        )

    def assign(self, command: Command) -> None:
        """Keep the variables of a command without a program, and of `export`."""
        if not command.words:
            self._set(command.variables)
        elif command.program == "export":
            for word in command.rest:
                if match := _ASSIGNMENT.fullmatch(word):
                    self._set({match[1]: match[2]})

    def _set(self, variables: Mapping[str, str]) -> None:
        for name, given in variables.items():
            value = given
            if value == self.variables.get(name):
                continue
            if name == "PATH":
                # `$PATH` that has no value yet is what the base image has.
                value = re.sub(r"\$\{?PATH\}?", "", value)
                self.is_path_known = self.is_path_known and not re.search(r"[$`]", value)
            self.variables[name] = value

    def enter(self, command: Command) -> None:
        """`cd`."""
        if len(command.rest) == 1 and command.is_clear and command.rest[0] not in ("-", "~"):
            self.workdir = self.absolute(command.rest[0])
        else:
            self.is_workdir_known = False

    def activate(self, folder: str) -> None:
        """What an environment's `activate` does."""
        folders = ":".join(self.folders or ())
        self.variables["VIRTUAL_ENV"] = folder
        self.variables["PATH"] = f"{folder}/bin:{folders}"
