"""Which commands of a build surely fail: a table of rules, each with an example on either side.

A rule speaks only of what is surely so. Whatever may be there after all (a base image that isn't known, a command that
nobody understands, a copy from elsewhere) keeps every rule from speaking.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from janitor.inspection.dockerfile.base_images import SYSTEM_FOLDERS
from janitor.inspection.dockerfile.command import is_shell
from janitor.inspection.install.install import pip_arguments
from janitor.inspection.provision.commands.shell_words import Command, Shell
from janitor.inspection.provision.commands.which_python import (
    finds_no_environment,
    interpreter_of,
    is_for_system,
    uv_interpreter,
)
from janitor.inspection.provision.system.base_system import Family
from janitor.inspection.provision.system.known_files import KnownFiles
from janitor.inspection.provision.system.state import Missing, StageState
from janitor.inspection.provision.system.system_packages import may_bring, programs_of
from janitor.protocol.terms.reason_codes import ReasonCode

_TESTS = frozenset({"-f", "-e", "-s", "-d", "-r", "-x"})
_NOT_OF_DASH = frozenset({"source", "[[", "pushd", "popd", "shopt"})
_DASHES = frozenset({"/bin/sh", "sh", "/bin/dash", "dash", "/usr/bin/sh"})
_PYTHON = re.compile(r"(?:.*/)?python(?:\d+(?:\.\d+)*)?")
_READERS = frozenset({"cat", "chmod", "chown", "cp", "mv", "ls", "rm"})
_PLAIN_OPTION = re.compile(r"-[a-zA-Z0-9]*|--(?:recursive|verbose|force|parents|no-clobber|archive|all)")
_WITH_VALUE = re.compile(r"-\w*[tSIwT]\w*")
"""Options of these programs whose value is no file to read."""
_PIP_SETTINGS = ("/etc/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf", "/etc/xdg/pip/pip.conf")


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A command, and what it finds."""

    command: Command
    shell: Shell
    state: StageState
    files: KnownFiles
    run_by: tuple[str, ...]
    """The shell of the instruction; empty where there is none."""
    user: str | None
    """Who runs it; None for the base image's user."""
    workdir: str | None
    """The folder that the instruction starts in; None where it isn't known."""
    read: Callable[[str], str | None]
    """The text of a file that the repository has put at an absolute path; None where there is none."""

    def lacks(self, word: str) -> str | None:
        """The absolute path that a word names, if nothing is there."""
        if re.search(r"[$`*?\[{(<>]", word) or not word or (not self.shell.is_workdir_known and word[0] != "/"):
            return None
        path = self.shell.absolute(word)
        return path if self.files.surely_lacks(path, self.state) else None


@dataclass(frozen=True, kw_only=True)
class CommandRule:
    """A kind of command that surely fails."""

    code: ReasonCode
    says: Callable[[Situation], str | None]
    """Why a command fails; None where it may not."""
    fails: str
    """Instructions of which the last one fails by it."""
    passes: str
    """The like that may pass."""


def reason_to_fail(situation: Situation) -> tuple[ReasonCode, str] | None:
    """Why a command surely fails, by the first rule that says so; None where it may not."""
    for rule in RULES:
        if (reason := rule.says(situation)) is not None:
            return rule.code, reason
    return None


def _ends_badly(of: Situation) -> str | None:
    words = of.command.words
    if words[:1] == ("false",):
        return "`false` ends with 1"
    if len(words) == 2 and words[0] == "exit" and words[1].isdigit() and int(words[1]) != 0:
        return f"it ends with {words[1]}"
    return None


def _no_program(of: Situation) -> str | None:
    for word in (*(word for word in of.command.wrappers if word == "sudo"), of.command.program):
        if re.search(r"[$`*?(]", word) or not word or ("/" in word and not word.startswith("/")):
            continue
        found = of.state.look_up(word, of.shell.folders, holds_file=False)
        if isinstance(found, Missing) and not _held_by_name(of, word):
            only_three = word == "python" and "/usr/bin/python3" in of.state.programs
            return f"nothing brings the program {word}" + (": python3 comes without it" if only_three else "")
    return None


def _held_by_name(of: Situation, word: str) -> bool:
    paths = [word] if word.startswith("/") else [posixpath.join(folder, word) for folder in of.shell.folders or ()]
    return any(of.files.holds(path) for path in paths)


def _no_pip_module(of: Situation) -> str | None:
    command, state = of.command, of.state
    if command.rest[:2] != ("-m", "pip") or not _PYTHON.fullmatch(command.program):
        return None
    found = interpreter_of(command, of.shell, state)
    if found is None or not found.is_system or state.open_programs is not None or {"pip", "pip3"} & state.names:
        return None
    if may_bring(state.packages, "pip", only_by_name=True) or state.pips:
        return None
    return f"{found.path} has no pip: no python3-pip is installed"


def _no_ensurepip(of: Situation) -> str | None:
    command, state = of.command, of.state
    if command.rest[:2] != ("-m", "venv") or "--without-pip" in command.rest:
        return None
    found = interpreter_of(command, of.shell, state)
    if found is None or not found.is_system or state.open_programs is not None:
        return None
    brings = any(
        programs_of(name) is None or re.search(r"venv|python3[.\d]*-full|virtualenv", name) for name in state.packages
    )
    return None if brings else f"{found.path} can't make environments with pip: no python3-venv is installed"


def _externally_managed(of: Situation) -> str | None:
    command, state = of.command, of.state
    if pip_arguments(list(command.words)) is None:
        return None
    is_uv = posixpath.basename(command.program) == "uv"
    found = (uv_interpreter if is_uv else interpreter_of)(command, of.shell, state)
    if found is None or not found.is_managed or (is_uv and not is_for_system(command)):
        return None
    options = ["--break-system-packages", "--target", "-t", "--prefix", "--root", "--python", "-p"]
    if any(word.partition("=")[0] in options for word in command.rest):
        return None
    names = ("PIP_BREAK_SYSTEM_PACKAGES", "UV_BREAK_SYSTEM_PACKAGES", "PIP_TARGET", "PIP_PREFIX", "PIP_CONFIG_FILE")
    told = any(command.variables.get(name, "0").lower() not in ("", "0", "false", "no", "off") for name in names)
    text = "\n".join(state.texts)
    if told or state.breaks_system or "EXTERNALLY-MANAGED" in text or re.search(r"pip\.conf|break.system", text):
        return None
    if any(of.files.holds(path) for path in _PIP_SETTINGS):
        return None
    return (
        "externally-managed-environment: the system's own Python refuses packages of pip; make an environment, or say"
        " --break-system-packages"
    )


def _not_of_this_shell(of: Situation) -> str | None:
    system = of.state.system
    is_dash = system is not None and system.shell_is_dash and of.run_by[:1] and of.run_by[0] in _DASHES
    if not is_dash or any("/bin/sh" in text or "dash" in text for text in of.state.texts):
        return None
    if of.command.program in _NOT_OF_DASH:
        return f"/bin/sh is dash there, which has no `{of.command.program}`"
    return None


def _no_pipefail(of: Situation) -> str | None:
    system = of.state.system
    if system is None or not of.run_by[:1] or of.run_by[0] not in _DASHES or of.command.program != "set":
        return None
    is_old = system.shell_is_dash and system.release is not None and system.release < _PIPEFAIL_SINCE[system.family]
    if not is_old or "pipefail" not in of.command.rest or any("/bin/sh" in text for text in of.state.texts):
        return None
    return "/bin/sh is dash there, which has no `pipefail`"


def _no_git_for_pip(of: Situation) -> str | None:
    rest = pip_arguments(list(of.command.words))
    if rest is None or not isinstance(of.state.look_up("git", of.shell.folders, holds_file=False), Missing):
        return None
    asked = [word for word in rest if re.search(r"(?:^|@\s?)git\+", word)]
    for name, following in itertools.pairwise(rest):
        if name in ("-r", "--requirement", "--requirements") and not re.search(r"[$`*]", following):
            lines = (of.read(of.shell.absolute(following)) or "").splitlines()
            asked += [line for line in lines if re.match(r"(?:-e |[\w.\[\], -]{1,100}@ ?)?git\+", line)]
    # What a marker leaves out asks for nothing.
    first = next((each for each in asked if ";" not in each), None)
    return None if first is None else f"nothing brings git, which pip needs for {first.strip()[:80]}"


def _no_rights(of: Situation) -> str | None:
    command, user = of.command, (of.user or "").partition(":")[0]
    if user in ("", "root", "0") or "$" in user or {"sudo", "gosu"} & set(command.wrappers):
        return None
    if command.program not in ("apt-get", "apt", "apk") or not {"update", "install", "add"} & set(command.rest):
        return None
    if of.state.system is None or any("sudo" in text or "chmod" in text for text in of.state.texts):
        return None
    return f"{user} may not install packages of the system"


def _file_missing(of: Situation) -> str | None:
    words = [word for word in of.command.words if word not in ("]", "]]")]
    if len(words) == 3 and words[0] in ("test", "[", "[[") and words[1] in _TESTS:
        path = of.lacks(words[2])
        return f"no instruction makes {path}" if path else None
    return None


def _operand_missing(of: Situation) -> str | None:
    """A command that is given a file which isn't there."""
    command = of.command
    program = posixpath.basename(command.program)
    operands = [word for word in command.rest if not word.startswith(("-", "+"))]
    if _PYTHON.fullmatch(command.program) or is_shell(command.program):
        first = next(iter(command.rest), "")
        named = [] if not command.rest or (first.startswith("-") and first not in ("-u", "-e", "-x")) else operands[:1]
    elif program in _READERS and not (program == "rm" and re.search(r"(?:^|\s)-\w*[fr]", " ".join(command.rest))):
        changes_mode = program in ("chmod", "chown")
        named = [word for word in command.rest if not word.startswith("-")][1:] if changes_mode else operands
        named = named[:-1] if program in ("cp", "mv") else named
        options = [word for word in command.rest if word.startswith("-") and word != "-"]
        takes_value = program not in ("chmod", "chown") and any(map(_WITH_VALUE.fullmatch, options))
        if takes_value or not all(map(_PLAIN_OPTION.fullmatch, options)):
            return None
    elif program in (".", "source") or command.program.startswith("./"):
        named = operands[:1] if program in (".", "source") else [command.program]
        named = named if "/" in "".join(named) else []
    else:
        return None
    # What a command has written a moment ago stands among the commands; what it is told by a variable isn't known.
    missing = next((path for word in named if (path := of.lacks(word)) is not None), None)
    return f"no instruction has put {missing} there" if missing else None


def _folder_there(of: Situation) -> str | None:
    """A `mkdir` without -p of a folder that is there, or below one that isn't."""
    command, made = of.command, set[str]()
    if command.program != "mkdir" or any(word.startswith("-") and word != "-v" for word in command.rest):
        return None
    for word in (word for word in command.rest if word != "-v"):
        if re.search(r"[$`*?\[{(<>~]", word) or (not of.shell.is_workdir_known and word[:1] != "/"):
            return None
        path = of.shell.absolute(word)
        if path in made or _is_there(path, of):
            return f"{path} is there already (File exists)"
        around = posixpath.dirname(path)
        if around not in made and of.lacks(around) is not None:
            return f"no instruction makes {around}, which mkdir makes only with -p"
        made.add(path)
    return None


def _is_there(path: str, of: Situation) -> bool:
    """Whether it is surely a folder of every system, or the instruction's own or one around it."""
    own = of.workdir is not None and f"{of.workdir.rstrip('/')}/".startswith(f"{path.rstrip('/')}/")
    if of.state.system is None or of.state.open_programs is not None or not (own or path in SYSTEM_FOLDERS):
        return False
    name = posixpath.basename(path)
    texts = [text for text in of.state.texts if re.search(r"\b(?:rm|rmdir|mv|find|unlink|rsync)\b", text)]
    return not any(name in text or "$" in text or "find" in text for text in texts)


def _no_folder_to_enter(of: Situation) -> str | None:
    command = of.command
    if command.program != "cd" or len(command.rest) != 1 or "CDPATH" in command.variables:
        return None
    path = None if command.rest[0].startswith(("-", "~")) else of.lacks(command.rest[0])
    return f"no instruction makes {path}" if path is not None else None


def _no_environment_for_uv(of: Situation) -> str | None:
    command = of.command
    if posixpath.basename(command.program) != "uv" or command.rest[:1] != ("pip",):
        return None
    if command.rest[1:2] not in (("install",), ("sync",), ("uninstall",)):
        return None
    if not finds_no_environment(command, of.shell, of.state):
        return None
    return "uv finds no environment to work for: make one, or say --system"


_PIPEFAIL_SINCE = {Family.DEBIAN: (13, 0), Family.UBUNTU: (24, 10)}
"""Up to here /bin/sh surely has none; later ones may."""
_SLIM = "FROM python:3.11-slim\n"
_CUDA = "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\n"
_APT = "RUN apt-get update && apt-get install -y "
_NOBLE = f"FROM ubuntu:24.04\n{_APT}python3 python3-pip python3-venv\n"

RULES: tuple[CommandRule, ...] = (
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_ends_badly,
        fails=f"{_SLIM}RUN echo checking && exit 1\n",
        passes=f"{_SLIM}RUN grep -q worker /etc/hostname || exit 1\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_not_of_this_shell,
        fails=f"{_SLIM}RUN python -m venv /opt/v && source /opt/v/bin/activate && pip install idna\n",
        passes=f'{_SLIM}SHELL ["/bin/bash", "-c"]\nRUN python -m venv /opt/v && source /opt/v/bin/activate\n',
    ),
    CommandRule(
        code=ReasonCode.PROGRAM_MISSING,
        says=_no_program,
        fails=f"{_CUDA}{_APT}python3 python3-pip\nRUN python -m pip install idna\n",
        passes=f"{_CUDA}{_APT}python3 python3-pip python-is-python3\nRUN python -m pip install idna\n",
    ),
    CommandRule(
        code=ReasonCode.PROGRAM_MISSING,
        says=_no_pip_module,
        fails=f"{_CUDA}{_APT}python3\nRUN python3 -m pip install idna\n",
        passes=f"{_CUDA}{_APT}python3 python3-pip\nRUN python3 -m pip install idna\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_no_ensurepip,
        fails=f"{_CUDA}{_APT}python3 python3-pip\nRUN python3 -m venv /opt/v\n",
        passes=f"{_CUDA}{_APT}python3 python3-venv\nRUN python3 -m venv /opt/v\n",
    ),
    CommandRule(
        code=ReasonCode.EXTERNALLY_MANAGED,
        says=_externally_managed,
        fails=f"{_NOBLE}RUN pip3 install idna\n",
        passes=f"{_NOBLE}RUN python3 -m venv /opt/v && /opt/v/bin/pip install idna\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_no_pipefail,
        fails=f"{_CUDA}RUN set -o pipefail && echo a | grep a\n",
        passes=f'{_CUDA}SHELL ["/bin/bash", "-c"]\nRUN set -o pipefail && echo a | grep a\n',
    ),
    CommandRule(
        code=ReasonCode.PROGRAM_MISSING,
        says=_no_git_for_pip,
        fails=f"{_SLIM}RUN pip install git+https://example.org/a/b.git\n",
        passes=f"{_SLIM}{_APT}git\nRUN pip install git+https://example.org/a/b.git\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_no_rights,
        fails=f"{_SLIM}RUN useradd worker\nUSER worker\nRUN apt-get update\n",
        passes=f"{_SLIM}USER root\nRUN apt-get update\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_no_environment_for_uv,
        fails=f"{_SLIM}RUN pip install uv\nRUN uv pip install idna\n",
        passes=f"{_SLIM}RUN pip install uv\nRUN uv pip install --system idna\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_file_missing,
        fails=f"{_SLIM}WORKDIR /app\nRUN test -f weights.bin\n",
        passes=f"{_SLIM}WORKDIR /app\nRUN touch weights.bin && test -f weights.bin\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_operand_missing,
        fails=f"{_SLIM}RUN chmod +x /start.sh\n",
        passes=f"{_SLIM}RUN echo 'exec true' > /start.sh && chmod +x /start.sh\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_folder_there,
        fails=f"{_SLIM}WORKDIR /app\nRUN mkdir /app\n",
        passes=f"{_SLIM}WORKDIR /app\nRUN mkdir -p /app && mkdir /models\n",
    ),
    CommandRule(
        code=ReasonCode.BUILD_STEP_FAILED,
        says=_no_folder_to_enter,
        fails=f"{_SLIM}RUN cd /nope\n",
        passes=f"{_SLIM}RUN mkdir /nope && cd /nope\n",
    ),
)
"""In their order: the first that speaks decides."""
