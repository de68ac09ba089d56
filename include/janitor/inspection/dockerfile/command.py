"""What a container of the image would run: the Python program behind CMD and ENTRYPOINT, through shells and scripts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from janitor.inspection.dockerfile.expand import expand
from janitor.inspection.dockerfile.lexer import Instruction, split_words
from janitor.inspection.dockerfile.stages import Stage

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_PYTHON = re.compile(r"(?:.*/)?(?:python|pypy)(?:\d+(?:\.\d+)*)?")
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|z|a)?sh")
_FLAGS_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_GLUED = re.compile(r"-([bBdEiIOPqRsStuvx?]*)([mc])(.*)", re.DOTALL)
# Programs that run the rest of their arguments.
_WRAPPERS = frozenset(
    {"exec", "env", "nohup", "sudo", "time", "tini", "dumb-init", "nice", "stdbuf", "gosu", "accelerate"}
)
_TRANSPARENT = frozenset({"exec", "nohup", "time", "tini", "dumb-init", "--", "-g"})
"""Those of them, with their options, that look for what they run as a shell does."""
_RUNNERS = frozenset({"poetry", "uv", "pipenv", "pdm", "conda", "mamba", "micromamba"})
_MOVES = re.compile(r"-[CD].*|--(?:directory|cwd|chdir)(?:=.*)?", re.DOTALL)
"""Options of wrappers and runners that start the program in another folder."""
_RUNNER_VALUES = frozenset(
    {"-n", "--name", "-p", "--prefix", "--python", "--with", "--project", "--directory", "--cwd"}
)
_SEPARATORS = re.compile(r"&&|\|\||;|\n|(?<!&)&(?!&)|\|")
_QUOTED = r"\\.|\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_COMMENT = re.compile(rf"({_QUOTED})|(?<!\S)#[^\n]*", re.DOTALL)
_PIECE = re.compile(rf"(?:{_QUOTED}|[^&|;\n])+", re.DOTALL)
"""One command; what stands within quotes separates none."""
_CONDITION = re.compile(
    r"\|\||<<|(?m:^|[;&])[ \t]*(?:if|case|for|while|until|function|eval|source|\.)\s|\(\)\s{0,8}\{"
    r"|(?m:^|[;&(\"'])[ \t]*(?:![ \t]+)?(?:\[\[?|test|grep|which|command)\s[^\n]{0,500}?&&"
)
_MAKES_FILES = re.compile(
    r"(?<![\w.-])(?:git\s+(?!\s|config\b|lfs\s+install\b|--version\b)|(?:wget|curl|aria2c|rsync|scp|rclone|gsutil|aws)\s"
    r"|(?:(?:bsd)?tar|unzip|7z[az]?|gunzip|gh|svn|hg|hf|huggingface-cli|modelscope|dvc|cpio|patch|tee)\s)"
    r"|\b(?:cp|mv|ln|sed)\s|\binstall\s+-[mDod]|\bpython[\d.]*\s+(?!-m\s+pip)"
)
_SYSTEM_PACKAGES = re.compile(
    r"\b(?:apt|apt-get|apk|yum|dnf|microdnf|conda|mamba|micromamba)\b[^\n;&|]{0,80}?"
    r"\s(?:install|add|remove|purge|autoremove|del|erase)\s[^\n;&|]*"
)
"""Names programs that are installed or removed, and runs none of them."""
_TOUCHES = re.compile(r"\b(?:chmod|dos2unix|touch|patch|unzip|rm)\s|\bPATH=|(?<![0-9&>])>{1,2}[ \t]*(?!/dev/|&)[^\s>&]")
"""Words by which a script may change files, or where programs are looked for, before it starts something."""
_STRICT = re.compile(r"(?m)^[ \t]*set[ \t]+-[a-zA-Z]*e|^#![^\n]*[ \t]-[a-zA-Z]*e")
_BACKGROUND = re.compile(r"[^>&|<]&(?![&>])")
"""The end of a command and what has it run beside the next ones; a redirection is none."""
_SERVICE_STARTERS = frozenset({"service", "systemctl", "supervisord", "supervisorctl", "rc-service", "initctl"})
_FOLDER_COMMANDS = frozenset({"cd", "pushd", "popd"})
_NOT_PLAIN = re.compile(r"[$`~*?<>(){}]|^-")
_DEPTH = 4
_LONGEST_TEXT = 131_072
"""Of a script that is followed, in characters."""
_MOST_COMMANDS = 3_000
"""That are followed in all scripts together: each can start the next one many times."""


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
class Execution:
    """A program that is started on the way to the Python program, that one's interpreter included."""

    program: str
    """As written: a path, or a name that is looked for in PATH."""
    workdir: str
    is_sure: bool
    """Whether it is started in any case, as the image has it: no script decides about it, or changes files first."""
    is_decisive: bool
    """Whether nothing useful comes of the container if it can't be started."""
    is_plain: bool
    """Whether it is looked for as it stands: nothing before it, as `uv run`, brings programs of its own."""
    script: str | None
    """The script that starts it, by its absolute path; None for the command itself."""


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
    first_file: str | None
    """The first of them, if it is started in any case."""
    is_sure: bool
    """Whether the program is started in any case: no script decides about it, or makes it first."""
    is_alone: bool
    """Whether the target is all that is started: no script stands before it that could start more."""
    is_direct: bool
    """Whether no shell stands between the container's start and the target, so that nothing expands its words."""
    has_company: bool
    """Whether something else is started before it or beside it: a server in the background, a service, a program."""
    executions: tuple[Execution, ...] = ()
    """In their order."""


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
    one_text = (single or (entry_shell and not _SEPARATORS.search(words[-1]))) and len(finder.files) == 1
    return Command(
        words=tuple(words),
        appendable=tuple(command) if direct and not entry_shell else None,
        shell_text=command[-1] if single and target is not None else None,
        target=target,
        files=tuple(finder.files),
        first_file=finder.first_file,
        is_sure=finder.is_sure,
        is_alone=target is not None and finder.is_sure and (one_text or not finder.through_shell),
        is_direct=target is not None and not finder.through_shell,
        has_company=finder.has_company,
        executions=tuple(finder.executions),
    )


def _words(instruction: Instruction | None, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    if instruction is None or not instruction.value:
        return [], False
    exact = instruction.exec_form()
    if exact is not None:
        return exact, False
    return ["/bin/sh", "-c", expand(instruction.value, environment, keeps_unknown=True).text], True


def is_python(program: str) -> bool:
    """Whether a program's name is that of an interpreter of Python."""
    return _PYTHON.fullmatch(program) is not None


def is_program(word: str) -> bool:
    """Whether a command's first word surely names a program, and not one of a shell's own."""
    return is_python(word) or is_shell(word) or "/" in word or word.endswith((".sh", ".py"))


def is_shell(program: str) -> bool:
    """Whether a program's name is that of a shell."""
    return _SHELL.fullmatch(program) is not None


def without_wrappers(words: list[str]) -> list[str]:
    """The words of a command without programs before it that only run what follows."""
    return _Finder({}, lambda path: None).unwrapped(list(words))


def makes_files(commands: str) -> bool:
    """Whether shell commands can bring files of their own into an image or a container."""
    return _MAKES_FILES.search(_SYSTEM_PACKAGES.sub("", re.sub(r"\\\r?\n", " ", commands))) is not None


class _Finder:
    def __init__(self, environment: Mapping[str, str], read: Callable[[str], str | None]) -> None:
        self._environment = environment
        self._read = read
        self.files: list[str] = []
        self.through_shell = False
        self.is_sure = True
        self.has_company = False
        self.first_file: str | None = None
        self._room = _MOST_COMMANDS
        self.executions: list[Execution] = []
        self._script_path: str | None = None
        self._is_decisive, self._is_reached, self._is_untouched = True, True, True

    def _named(self, path: str) -> None:
        if not self.files and self.is_sure:
            self.first_file = path
        self.files.append(path)

    def find(self, words: list[str], workdir: str, depth: int) -> PythonTarget | None:
        """The Python program that these words lead to; the last one of a script, which is what it ends up as."""
        given, words = words, self.unwrapped(words)
        if not words or depth == 0:
            return None
        program, rest = words[0], words[1:]
        if is_program(program):
            self.executions.append(
                Execution(
                    program=program,
                    workdir=workdir,
                    is_sure=self.is_sure and self._is_reached and self._is_untouched,
                    is_decisive=self._is_decisive,
                    is_plain=all(posixpath.basename(word) in _TRANSPARENT for word in given[: -len(words)]),
                    script=self._script_path,
                )
            )
        if _PYTHON.fullmatch(program):
            return self._python(program, rest, workdir)
        if _SHELL.fullmatch(program):
            return self._shell(rest, workdir, depth)
        if "/" in program or program.endswith((".sh", ".py")):
            path = posixpath.normpath(posixpath.join(workdir, program))
            self._named(path)
            if program.endswith(".py"):
                return PythonTarget(
                    script=path, module=None, options=(), arguments=tuple(rest), interpreter="python3", workdir=workdir
                )
            return self._script(path, workdir, depth, rest)
        return None

    def unwrapped(self, words: list[str]) -> list[str]:
        """The words without programs before them that only run what follows."""
        while (
            words
            and (
                posixpath.basename(words[0]) in _WRAPPERS
                or _ASSIGNMENT.fullmatch(words[0])
                or (words[0].startswith("-") and len(words) > 1)
                or words[0].isdigit()  # nice -n 5
                or (words[0] in _RUNNERS and words[1:2] == ["run"])
            )
        ):
            if words[0] in _RUNNERS:
                words = words[2:]
                while words and words[0].startswith("-"):
                    self._passed_over(words[0])
                    words = words[2 if words[0] in _RUNNER_VALUES else 1 :]
                continue
            self._passed_over(words[0])
            words = words[1:]
            if words and words[0] == "launch":  # accelerate launch handler.py
                words = ["python3", *words[1:]]
        return words

    def _passed_over(self, word: str) -> None:
        if _MOVES.fullmatch(word):
            self.is_sure = False

    def _python(self, program: str, rest: list[str], workdir: str) -> PythonTarget | None:
        options: list[str] = []
        rest = _split_option(rest)
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
            count = 2 if rest[0] in _FLAGS_WITH_VALUE else 1
            options += rest[:count]
            rest = _split_option(rest[count:])
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
        self._named(path)
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
                return self._text(rest[1], workdir, depth - 1, rest[3:])
            rest = rest[1:]
        if not rest:
            return None
        path = posixpath.normpath(posixpath.join(workdir, rest[0]))
        self._named(path)
        return self._script(path, workdir, depth, rest[1:])

    def _script(self, path: str, workdir: str, depth: int, arguments: list[str]) -> PythonTarget | None:
        text = self._read(path)
        outer, self._script_path = self._script_path, path
        try:
            return self._of_script(text, workdir, depth, arguments)
        finally:
            self._script_path = outer

    def _of_script(self, text: str | None, workdir: str, depth: int, arguments: list[str]) -> PythonTarget | None:
        # A long script costs as much as many commands.
        self._room -= len(text or "") // 1_000
        if self._room < 0:
            self.is_sure = False
            return None
        return None if text is None else self._text(text, workdir, depth - 1, arguments)

    def _text(self, text: str, workdir: str, depth: int, arguments: list[str]) -> PythonTarget | None:
        """Follow a shell text command by command; only `cd` and assignments are understood beside starting programs.

        A folder that can't be told and a condition are not followed: what comes of them isn't sure.
        """
        self.through_shell = True
        found: PythonTarget | None = None
        variables = dict(self._environment)
        joined = _COMMENT.sub(r"\1", re.sub(r"\\\n", " ", text[:_LONGEST_TEXT]))
        if _CONDITION.search(joined) or makes_files(re.sub(r"\bpython", "", joined)):
            self.is_sure = False
        if _TOUCHES.search(joined):
            self._is_untouched = False
        outer = (self._is_decisive, self._is_reached)
        is_strict, last = _STRICT.search(joined) is not None, len(joined.rstrip(" \t\n;"))
        started: list[PythonTarget | None] = []
        for match in _PIECE.finditer(joined):
            self._room -= 1
            if self._room < 0:
                self.is_sure = False
                break
            is_exec = match[0].lstrip().startswith("exec ")
            self._is_decisive = outer[0] and (is_strict or is_exec or match.end() >= last)
            words = split_words(expand(match[0].strip(), variables, keeps_unknown=True).text)
            while words and words[0] in ("then", "do", "else", "{", "(", "if", "!"):
                words = words[1:]
            assigned = words[words[:1] == ["export"] :]
            stated = [each for word in assigned if (each := _ASSIGNMENT.fullmatch(word))]
            if stated and len(stated) == len(assigned):
                _assign(stated, variables)
            elif words and words[0].lstrip("(") in _FOLDER_COMMANDS:
                if len(words) == 2 and words[0] in ("cd", "pushd") and not _NOT_PLAIN.search(words[1]):
                    workdir = posixpath.normpath(posixpath.join(workdir, words[1]))
                else:
                    self.is_sure = False
            elif words:
                given = [part for word in words for part in (arguments if word in ("$@", "$*") else [word])]
                target = self.find(given, workdir, depth)
                if target or _BACKGROUND.match(joined, match.end() - 1) or words[0] in _SERVICE_STARTERS:
                    started.append(target)
                found = target or found
            # What stands behind it is not reached.
            self._is_reached = self._is_reached and not is_exec and words[:1] != ["exit"]
        self._is_decisive, self._is_reached = outer
        self.has_company = self.has_company or any(_is_another(other, found) for other in started)
        return found


def _split_option(rest: list[str]) -> list[str]:
    """An interpreter's options with `-m` and `-c` apart from letters before them and what is glued to them."""
    match = _GLUED.fullmatch(rest[0]) if rest else None
    if match is None or rest[0] in ("-m", "-c"):
        return rest
    before = [f"-{match[1]}"] if match[1] else []
    return [*before, f"-{match[2]}", *([match[3]] if match[3] else []), *rest[1:]]


def _assign(stated: list[re.Match[str]], variables: dict[str, str]) -> None:
    for each in stated:
        if re.search(r"[$`]", each.group(2)):
            variables.pop(each.group(1), None)
        else:
            variables[each.group(1)] = each.group(2)


def _is_another(other: PythonTarget | None, found: PythonTarget | None) -> bool:
    """Whether what a script starts is not the program that it ends up as."""
    if other is None or found is None:
        return True
    return (other.script, other.module) != (found.script, found.module) and other.module != "pip"
