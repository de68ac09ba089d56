"""What keeps a container of the final image from starting its program, by what exec surely needs.

Both sides of each rule: what a shell does that exec doesn't (a script without `#!`, `~`, `$NAME`) is no fault behind a
shell, and a file of which the mode or the content isn't known is never blamed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from janitor.inspection.dockerfile.base_images import PROGRAM_FOLDERS, brings, is_bare, surely_lacks_pytorch
from janitor.inspection.dockerfile.command import Command, Execution, is_python, is_shell, without_wrappers
from janitor.inspection.dockerfile.lexer import split_words
from janitor.inspection.dockerfile.stages import Stage
from janitor.inspection.image.places import ImageFile, ImagePlaces, Place, PlaceKind

_LITERAL = re.compile(r"\$\{?[A-Za-z_]|^~(?:/|\Z)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_INTERPRETER = re.compile(r"#![ \t]*(?P<program>[^\s]*)[ \t]*(?P<rest>[^\r\n]*)(?P<ended>\r?)(?:\n|\Z)")
_PASSES_ON = re.compile(r"(?:exec[ \t]+)?(?:\"\$[@*]\"|\$[@*])")
_PREPARES = re.compile(r"(?:set|export|umask|ulimit|echo)[ \t][^;&|`]*|#.*|")
_LONGEST_LINE = 256
"""Of a `#!` line. Source: Linux, BINPRM_BUF_SIZE."""
_LONGEST_SCRIPT = 4_096


class StartFaultKind(Enum):
    """Why a container can't start."""

    NOT_THERE = "not_there"
    NOT_EXECUTABLE = "not_executable"
    NO_FORMAT = "no_format"
    NO_INTERPRETER = "no_interpreter"
    NOT_FOUND = "not_found"
    WRONG_FORM = "wrong_form"


@dataclass(frozen=True, kw_only=True)
class StartFault:
    """What the container's start would surely trip over."""

    kind: StartFaultKind
    text: str
    """For people."""
    line: int | None
    """Of the instruction that decides."""
    source: str | None = None
    """The file of the repository in whose first line the fault is."""


class StartJudge:
    """Finds what the start of a stage's container would trip over.

    Args:
        stage: The final stage.
        command: What it starts.
        places: Its files.
        text: Text of a file in it, by absolute path; None where that isn't known.
        is_lacking: Whether nothing brings a program, by its absolute path, of whose place nothing else is known.
    """

    def __init__(
        self,
        stage: Stage,
        command: Command,
        places: ImagePlaces,
        text: Callable[[str], str | None],
        is_lacking: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._is_lacking = is_lacking
        self._stage = stage
        self._command = command
        self._places = places
        self._text = text
        stated = stage.command or stage.entrypoint
        self._line = stated.line if stated is not None else None
        self._is_exec_form = bool(command.words) and self._first_exec_form()

    def fault(self) -> StartFault | None:
        """The first one; None if nothing surely keeps it from starting."""
        # The entrypoint of an unknown base image may do anything with CMD.
        if not self._command.words or (self._stage.entrypoint is None and not is_bare(self._stage.base_image)):
            return None
        faults = (self._form, self._ignored, self._lost_words, self._first_word, self._executions, self._script)
        return next((found for judge in faults if (found := judge()) is not None), None)

    def _first_exec_form(self) -> bool:
        entrypoint, command = self._stage.entrypoint, self._stage.command
        if entrypoint is not None and entrypoint.exec_form() != []:
            return entrypoint.exec_form() is not None
        return command is not None and command.exec_form() is not None

    # -- the words

    def _form(self) -> StartFault | None:
        """ENTRYPOINT in exec form gets a CMD in shell form as `/bin/sh -c …`."""
        entrypoint, command = self._stage.entrypoint, self._stage.command
        if entrypoint is None or command is None or not command.value or command.exec_form() is not None:
            return None
        given = entrypoint.exec_form()
        words = without_wrappers(list(given)) if given else []
        if not words:
            return None
        options = words[1:]
        if all(word.startswith("-") for word in options) and (is_python(words[0]) or is_shell(words[0])):
            if is_python(words[0]) and any(re.match(r"-[A-Za-z]*[mc]", word) for word in options):
                return None
            text = (
                f"CMD in shell form becomes arguments of the ENTRYPOINT: the container starts "
                f"`{' '.join([*words, '/bin/sh -c'])} …`, which runs no program of the repository"
            )
            return StartFault(kind=StartFaultKind.WRONG_FORM, text=text, line=command.line)
        return None

    def _ignored(self) -> StartFault | None:
        """ENTRYPOINT in shell form passes no CMD on, which then nobody starts."""
        entrypoint, command = self._stage.entrypoint, self._stage.command
        if entrypoint is None or command is None or not command.value or entrypoint.exec_form() is not None:
            return None
        words = without_wrappers(split_words(entrypoint.value))
        words = words[1:] if words and is_shell(words[0]) else words
        text: str | None = entrypoint.value
        if len(words) == 1 and not words[0].startswith("$"):
            text = self._text(posixpath.normpath(posixpath.join(self._stage.workdir, words[0])))
        if text is None or not _only_passes_on(text):
            return None
        told = (
            f"ENTRYPOINT in shell form gets nothing of CMD: `{entrypoint.value[:60]}` is to run its arguments, and has "
            "none, so that the container starts no program"
        )
        return StartFault(kind=StartFaultKind.WRONG_FORM, text=told, line=entrypoint.line)

    def _lost_words(self) -> StartFault | None:
        """Of a shell's words only the one behind `-c` is the command; the others are its arguments."""
        words = without_wrappers(list(self._command.words)) if self._is_exec_form else []
        is_command = len(words) > 3 and is_shell(words[0]) and re.fullmatch(r"-[a-z]*c", words[1]) is not None
        if not is_command or not (is_python(words[2]) or is_shell(words[2])):
            return None
        told = (
            f"the container starts `{' '.join(words[:3])}` and no program by it: what stands behind the word after "
            f"{words[1]} is no part of the command"
        )
        return StartFault(kind=StartFaultKind.WRONG_FORM, text=told, line=self._line)

    def _first_word(self) -> StartFault | None:
        """The word that no shell reads: what a shell would make of it stays as it stands."""
        if not self._is_exec_form:
            return None
        word = self._command.words[0]
        told = f"the container starts a program that is named {word!r}"
        if _LITERAL.search(word):
            text = f"{told}: in exec form nobody puts in the value of a variable or of `~`"
        elif _ASSIGNMENT.fullmatch(word) and "/" not in word.partition("=")[0]:
            text = f"{told}: in exec form nobody takes that for a variable"
        elif re.search(r"\s", word.strip()) and self._is_of_several_words(word):
            text = f"{told}: in exec form each word stands by itself"
        else:
            return None
        return StartFault(kind=StartFaultKind.NOT_FOUND, text=text, line=self._line)

    def _is_of_several_words(self, word: str) -> bool:
        first = word.split(maxsplit=1)[0]
        path = posixpath.join(self._stage.workdir, word)
        return is_python(first) or is_shell(first) or self._places.at(path).is_absent or "/" not in word

    # -- the programs

    def _executions(self) -> StartFault | None:
        for index, each in enumerate(self._command.executions):
            if not each.is_sure or not each.is_decisive or _LITERAL.search(each.program):
                continue
            by_kernel = index == 0 and self._is_exec_form and each.program == self._command.words[0]
            if (found := self._execution(each, by_kernel=by_kernel)) is not None:
                return found
        return None

    def _execution(self, each: Execution, *, by_kernel: bool) -> StartFault | None:
        if "/" not in each.program:
            return self._by_name(each)
        if not each.program.startswith("/") and not self._stage.is_workdir_known:
            return None
        path = posixpath.normpath(posixpath.join(each.workdir, each.program))
        if self._stage.is_mounted(path):
            return None
        place = self._places.at(path)
        if place.is_absent:
            return self._not_there(path, place)
        if place.kind is PlaceKind.FOLDER and place.line is not None:
            text = f"the container starts {path}, which is a folder"
            return StartFault(kind=StartFaultKind.NOT_EXECUTABLE, text=text, line=self._line)
        if place.file is None:
            return None
        if not place.file.may_run:
            return self._not_executable(path, place.file)
        return self._first_line(path, place.file, by_kernel=by_kernel)

    def _not_there(self, path: str, place: Place) -> StartFault | None:
        if brings(self._stage.base_image, path):
            return None
        if place.in_the_way is not None:
            why = f"line {place.line} makes {place.in_the_way} a file, not a folder"
        elif place.line is not None:
            why = f"line {place.line} takes it away"
        else:
            why = "nothing brings it into the image"
        text = f"the container starts {path}, which is not there: {why}"
        return StartFault(kind=StartFaultKind.NOT_THERE, text=text, line=place.line or self._line)

    def _not_executable(self, path: str, file: ImageFile) -> StartFault:
        mode = 0 if file.mode is None else file.mode
        text = (
            f"the container starts {path}, which nobody may execute: line {file.line} brings it with mode {mode:o}, "
            "and no chmod makes it executable (permission denied)"
        )
        return StartFault(kind=StartFaultKind.NOT_EXECUTABLE, text=text, line=self._line)

    def _first_line(self, path: str, file: ImageFile, *, by_kernel: bool) -> StartFault | None:
        text = self._text(path)
        if text is None or file.is_changed:
            return None
        source = None if file.source is None else str(file.source)
        match = _INTERPRETER.match(text[:_LONGEST_LINE])
        if match is None:
            # A shell, and what starts programs as a shell does, run such a file as a script of their own.
            if not by_kernel or not self._starts_by_itself or text.startswith(("\x7fELF", "#!")):
                return None
            first = text[:_LONGEST_LINE].split("\n")[0].strip()[:60]
            told = f"the first line of {path} is {first!r} and no `#!` line, which exec form needs (exec format error)"
            return StartFault(kind=StartFaultKind.NO_FORMAT, text=told, line=self._line, source=source)
        if match["ended"]:
            told = (
                f"the `#!` line of {path} ends with a carriage return, so that the kernel looks for "
                f"{match['program'] + ' ' + match['rest']!r} with it (no such file or directory)"
            )
            return StartFault(kind=StartFaultKind.NO_INTERPRETER, text=told, line=self._line, source=source)
        return self._interpreter(path, match, source)

    @property
    def _starts_by_itself(self) -> bool:
        """Whether no entrypoint of the base image stands before the program: it may be a shell's script."""
        base = self._stage.base_image
        return self._stage.entrypoint is not None or (surely_lacks_pytorch(base) and "nvidia" not in base)

    def _interpreter(self, path: str, match: re.Match[str], source: str | None) -> StartFault | None:
        program, rest = match["program"], match["rest"].split()
        if posixpath.basename(program) == "env":
            names = [word for word in rest if not word.startswith("-") and not _ASSIGNMENT.fullmatch(word)]
            if rest[:1] != names[:1] and rest[:1] != ["-S"]:
                return None
            program = names[0] if names else program
        place = self._places.at(program) if program.startswith("/") else None
        if place is not None and (place.is_absent or self._is_lacking(program)):
            missing = True
        else:
            missing = "/" not in program and bool(program) and self._is_nowhere(program)
        if not missing:
            return None
        told = f"the `#!` line of {path} names {program}, which the image doesn't have (no such file or directory)"
        return StartFault(kind=StartFaultKind.NO_INTERPRETER, text=told, line=self._line, source=source)

    # -- PATH

    def _by_name(self, each: Execution) -> StartFault | None:
        if not each.is_plain or each.script is not None:
            return None
        name = each.program
        if self._is_nowhere(name):
            line = self._stage.own_path_line if self._stage.own_path is not None else self._line
            why = f"none of {':'.join(self._folders() or ())} holds it"
        elif self._lies_beside(each):
            line = self._line
            why = f"it lies in {each.workdir}, and PATH doesn't name that folder; ./{name} would be it"
        else:
            return None
        text = f"the container starts {name}, which is not found in PATH: {why}"
        return StartFault(kind=StartFaultKind.NOT_FOUND, text=text, line=line)

    def _folders(self) -> tuple[str, ...] | None:
        """Where programs are looked for; None where the base image may say so."""
        if self._stage.own_path is not None:
            return tuple(self._stage.own_path.split(":"))
        is_changed = "PATH" in self._stage.environment
        return PROGRAM_FOLDERS if surely_lacks_pytorch(self._stage.base_image) and not is_changed else None

    def _is_nowhere(self, name: str) -> bool:
        folders = self._folders()
        return folders is not None and all(
            self._places.at(posixpath.join(self._stage.workdir, folder or ".", name)).is_absent for folder in folders
        )

    def _lies_beside(self, each: Execution) -> bool:
        """Whether a script is started by its mere name, which is looked for in PATH and not where it lies."""
        folders = self._folders()
        path = posixpath.join(each.workdir, each.program)
        is_script = each.program.endswith((".sh", ".py")) and self._places.at(path).file is not None
        if folders is None or not is_script or not self._places.is_read:
            return False
        known = [self._places.at(posixpath.join(folder, each.program)) for folder in folders]
        return all(folder in PROGRAM_FOLDERS for folder in folders) and all(
            each.file is None and each.line is None for each in known
        )

    # -- the Python program

    def _script(self) -> StartFault | None:
        target = self._command.target
        if target is None or target.script is None or not self._command.is_sure:
            return None
        path = target.script
        if self._command.is_direct and re.search(r"\$\{?[A-Za-z_]|(?:^|/)~/", path) and self._is_exec_form:
            text = f"the container starts {path}: in exec form nobody puts in the value of a variable or of `~`"
            return StartFault(kind=StartFaultKind.NOT_THERE, text=text, line=self._line)
        last = self._command.executions[-1] if self._command.executions else None
        if last is None or not last.is_sure or not last.is_decisive or not self._stage.is_workdir_known:
            return None
        if self._stage.is_mounted(path) or re.search(r"[$~*\s]", path):
            return None
        if last.script is not None and (found := self._returned(last.script, path)) is not None:
            return found
        place = self._places.at(path)
        return self._not_there(path, place) if place.is_absent else None

    def _returned(self, script: str, path: str) -> StartFault | None:
        """A carriage return at the end of the line that names the program belongs to the program's name."""
        text = self._text(script) or ""
        name = posixpath.basename(path)
        lines = [line for line in text.split("\n") if name in line and not line.lstrip().startswith("#")]
        if not lines or not all(line.endswith(f"{name}\r") for line in lines):
            return None
        file = self._places.at(script).file
        told = f"the lines of {script} end with carriage returns, so that it starts a program named {name + chr(13)!r}"
        source = None if file is None or file.source is None else str(file.source)
        return StartFault(kind=StartFaultKind.NOT_THERE, text=told, line=self._line, source=source)


def _only_passes_on(text: str) -> bool:
    """Whether a shell's text starts what it is given and nothing else."""
    lines = [line.strip() for line in text[:_LONGEST_SCRIPT].split("\n")]
    passing = [line for line in lines if _PASSES_ON.fullmatch(line)]
    others = [line for line in lines if not _PASSES_ON.fullmatch(line) and not _PREPARES.fullmatch(line)]
    return bool(passing) and not others and len(text) < _LONGEST_SCRIPT
