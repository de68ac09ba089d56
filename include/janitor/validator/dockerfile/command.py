"""What a container of the image would run: the Python program behind CMD and ENTRYPOINT, through shells and scripts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from janitor.validator.dockerfile.expand import expand
from janitor.validator.dockerfile.lexer import Instruction, split_words
from janitor.validator.dockerfile.stages import Stage

_PYTHON = re.compile(r"(?:.*/)?(?:python|pypy)(?:\d+(?:\.\d+)*)?")
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|z|a)?sh")
_FLAGS_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
# Programs that run the rest of their arguments.
_WRAPPERS = frozenset(
    {"exec", "env", "nohup", "sudo", "time", "tini", "dumb-init", "nice", "stdbuf", "gosu", "accelerate"}
)
_SEPARATORS = re.compile(r"&&|\|\||;|\n|(?<!&)&(?!&)|\|")
_DEPTH = 4


@dataclass(frozen=True, kw_only=True)
class PythonTarget:
    """A Python program that a container starts."""

    script: str | None
    """Absolute path in the image."""
    module: str | None
    """For `-m`."""
    options: tuple[str, ...]
    """Interpreter options before it."""
    arguments: tuple[str, ...]
    interpreter: str
    """As written, for example `python3.11`."""
    workdir: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a container starts."""

    words: tuple[str, ...]
    """ENTRYPOINT and CMD as one argument list; empty if the base image decides."""
    appendable: tuple[str, ...] | None
    """CMD's own words, if arguments behind them reach the Python program; None if a shell stands between."""
    shell_text: str | None
    """CMD in shell form, if it is one single command behind which arguments can be written."""
    target: PythonTarget | None
    """The Python program, if one could be found."""
    files: tuple[str, ...]
    """Scripts and programs of the image that were named on the way, as absolute paths."""


def stage_command(stage: Stage, *, read: Callable[[str], str | None], override: str | None = None) -> Command:
    """What a container of this stage starts.

    Args:
        stage: The final stage.
        read: Content of a text file in the image by absolute path; None if the repository doesn't bring it.
        override: Shell words that take CMD's place, as a test case may ask for.
    """
    entrypoint, entry_shell = _words(stage.entrypoint, stage.environment)
    command, command_shell = _words(stage.command, stage.environment)
    if override is not None:
        command, command_shell = split_words(override), False
    # A shell-form ENTRYPOINT ignores CMD.
    words = entrypoint if entry_shell else [*entrypoint, *command]
    finder = _Finder(stage.environment, read)
    target = finder.find(words, stage.workdir, _DEPTH)
    direct = target is not None and bool(command) and not finder.through_shell
    single = command_shell and not entrypoint and not _SEPARATORS.search(command[-1])
    return Command(
        words=tuple(words),
        appendable=tuple(command) if direct and not entry_shell else None,
        shell_text=command[-1] if single and target is not None else None,
        target=target,
        files=tuple(finder.files),
    )


def _words(instruction: Instruction | None, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    if instruction is None or not instruction.value:
        return [], False
    exact = instruction.exec_form()
    if exact is not None:
        return exact, False
    return ["/bin/sh", "-c", expand(instruction.value, environment).text], True


class _Finder:
    def __init__(self, environment: Mapping[str, str], read: Callable[[str], str | None]) -> None:
        self._environment = environment
        self._read = read
        self.files: list[str] = []
        self.through_shell = False

    def find(self, words: list[str], workdir: str, depth: int) -> PythonTarget | None:
        """The Python program that these words lead to; the last one of a script, which is what it ends up as."""
        words = self._unwrapped(words)
        if not words or depth == 0:
            return None
        program, rest = words[0], words[1:]
        if _PYTHON.fullmatch(program):
            return self._python(program, rest, workdir)
        if _SHELL.fullmatch(program):
            return self._shell(rest, workdir, depth)
        if "/" in program or program.endswith((".sh", ".py")):
            path = posixpath.normpath(posixpath.join(workdir, program))
            self.files.append(path)
            if program.endswith(".py"):
                return PythonTarget(
                    script=path, module=None, options=(), arguments=tuple(rest), interpreter="python3", workdir=workdir
                )
            return self._script(path, workdir, depth)
        return None

    def _unwrapped(self, words: list[str]) -> list[str]:
        while words and (
            posixpath.basename(words[0]) in _WRAPPERS
            or re.fullmatch(r"[A-Za-z_]\w*=.*", words[0])
            or (words[0].startswith("-") and len(words) > 1)
        ):
            words = words[1:]
            if words and words[0] == "launch":  # accelerate launch handler.py
                words = ["python3", *words[1:]]
        return words

    def _python(self, program: str, rest: list[str], workdir: str) -> PythonTarget | None:
        options: list[str] = []
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
            count = 2 if rest[0] in _FLAGS_WITH_VALUE else 1
            options += rest[:count]
            rest = rest[count:]
        if not rest or rest[0] in ("-c", "-"):
            return None
        if rest[0] == "-m":
            return PythonTarget(
                script=None,
                module=rest[1] if len(rest) > 1 else None,
                options=tuple(options),
                arguments=tuple(rest[2:]),
                interpreter=program,
                workdir=workdir,
            )
        path = posixpath.normpath(posixpath.join(workdir, rest[0]))
        self.files.append(path)
        return PythonTarget(
            script=path,
            module=None,
            options=tuple(options),
            arguments=tuple(rest[1:]),
            interpreter=program,
            workdir=workdir,
        )

    def _shell(self, rest: list[str], workdir: str, depth: int) -> PythonTarget | None:
        while rest and re.fullmatch(r"-[a-zA-Z]+|--\w+", rest[0]):
            if "c" in rest[0] and not rest[0].startswith("--") and len(rest) > 1:
                return self._text(rest[1], workdir, depth - 1)
            rest = rest[1:]
        if not rest:
            return None
        path = posixpath.normpath(posixpath.join(workdir, rest[0]))
        self.files.append(path)
        return self._script(path, workdir, depth)

    def _script(self, path: str, workdir: str, depth: int) -> PythonTarget | None:
        text = self._read(path)
        return None if text is None else self._text(text, workdir, depth - 1)

    def _text(self, text: str, workdir: str, depth: int) -> PythonTarget | None:
        """Follow a shell text command by command; only `cd` is understood beside starting programs."""
        self.through_shell = True
        found: PythonTarget | None = None
        lines = re.sub(r"\\\n", " ", text).split("\n")
        joined = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        for piece in _SEPARATORS.split(joined):
            words = split_words(expand(piece.strip(), self._environment).text)
            while words and words[0] in ("then", "do", "else", "{", "(", "if", "!"):
                words = words[1:]
            if len(words) == 2 and words[0] == "cd":
                workdir = posixpath.normpath(posixpath.join(workdir, words[1]))
            elif words:
                found = self.find(words, workdir, depth) or found
        return found
