"""What pip, uv, venv and Python bring into a stage: environments, and packages in the folders of interpreters."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Sequence

from janitor.inspection.dockerfile.command import is_python
from janitor.inspection.install.install import is_pip, pip_arguments, removed_packages
from janitor.inspection.install.requirements import normalised
from janitor.inspection.provision.commands.python_options import named_packages, option, without_values
from janitor.inspection.provision.commands.shell_words import Command, Shell, Surroundings
from janitor.inspection.provision.commands.which_python import (
    UV,
    first_of_path,
    installs_into,
    interpreter_of,
    named_python,
    project_environment,
    uv_interpreter,
)
from janitor.inspection.provision.system.interpreters import Interpreter, environment, site_of
from janitor.inspection.provision.system.state import Installed, Removed, StageState

_ENVIRONMENT_MAKERS = frozenset({"virtualenv"})
_TELLING = re.compile(r"\bpip\b|subprocess|os\.(?:system|popen|symlink|link|exec)|site-packages|shutil|ensurepip")
"""In a program that the build runs: what may bring packages or programs."""
_TELL_ONLY = frozenset({"site", "platform", "sysconfig", "this"})
"""Modules that print something and leave the image as it is."""
_WRITE_FILES = frozenset(
    {"compileall", "py_compile", "json.tool", "nltk.downloader", "zipfile", "tarfile", "gzip", "base64"}
)
"""Modules that make files, by names of their own, and bring no programs and no packages."""
_BRING_NO_TOOLS = frozenset(
    {
        *(
            "pip",
            "setuptools",
            "wheel",
            "runpod",
            "requests",
            "numpy",
            "idna",
            "pillow",
            "httpx",
            "pydantic",
            "fastapi",
        ),
        *("torch", "torchvision", "torchaudio", "safetensors", "boto3"),
    }
)
"""Packages that surely bring none of the tools below, nor does anything that they need."""
_PROJECT_COMMANDS = frozenset({"sync", "add", "run"})


def is_of_python(program: str) -> bool:
    """Whether a program is one that this module knows."""
    known = program in UV or program in _ENVIRONMENT_MAKERS
    return known or is_python(program) or is_pip(program)


def python_effect(command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    """Take in what a command of Python's may bring."""
    program = posixpath.basename(command.program)
    if program in UV:
        _uv(command, shell, state, around)
    elif program in _ENVIRONMENT_MAKERS:
        wanted = option(command.rest, "-p", "--python")
        made_with = named_python(wanted, shell, state) if wanted is not None else None
        _make_environments(command.rest, made_with, shell, state, has_pip=True)
    elif is_pip(program) or command.rest[:2] == ("-m", "pip"):
        _pip(command, shell, state, around)
    else:
        _program(command, shell, state, around)


# -- pip


def _pip(command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    words = list(command.words)
    if names := removed_packages(words):
        interpreter = interpreter_of(command, shell, state)
        _removed(names, interpreter, state, around)
        return
    rest = pip_arguments(words)
    if rest is None:
        plain = [word for word in command.rest if not word.startswith("-")]
        if "config" in plain and any("break-system" in word for word in plain):
            state.breaks_system = True
        elif "config" in plain and any(re.search(r"target|prefix|user", word) for word in plain):
            state.open_packages = state.open_packages or "pip's configuration"
        elif {"download", "wheel"} & set(plain):
            state.open_files = state.open_files or f"line {around.line}: pip"
        return
    _installed(rest, command, shell, state, around)


def _installed(rest: Sequence[str], command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    names = named_packages(rest)
    state.names |= set(names or ())
    if names is None or names - _BRING_NO_TOOLS:
        # What a file names, and what packages need themselves, can bring programs, such as uv.
        state.names |= {"uv", "uvx", "cmake", "ninja", "hf", "huggingface-cli", "poetry", "pipenv", "virtualenv"}
        state.names |= {"gunicorn"}
    if names is None and not _leave_out_an_init(rest, shell, around):
        state.names |= {"dumb-init", "tini"}
    if names is not None and "huggingface-hub" in names:
        state.names |= {"hf", "huggingface-cli"}
    folder = installs_into(command, shell, state, around.user)
    if folder is None:
        state.open_packages = state.open_packages or f"line {around.line}: an installation into an unknown folder"
        return
    state.installed(folder, Installed(line=around.line, place=around.place, names=names))


def _leave_out_an_init(rest: Sequence[str], shell: Shell, around: Surroundings) -> bool:
    """Whether files name all that is installed, and none of it is an init: no package asks for one."""
    plain = [word for before, word in itertools.pairwise(("", *rest)) if not before.startswith("-")]
    if any(word in ("-e", "--editable") or re.search(r"^\.|[/$`*]", word) for word in plain):
        return False
    named = [following for word, following in itertools.pairwise(rest) if word in ("-r", "--requirement")]
    texts = [around.read(shell.absolute(word)) if shell.is_workdir_known else None for word in named]
    return bool(texts) and all(
        text is not None and not re.search(r"dumb.init|tini|(?m:^[ \t]*(?:-|\.|/))", text) for text in texts
    )


def _removed(names: Sequence[str], interpreter: Interpreter | None, state: StageState, around: Surroundings) -> None:
    if interpreter is not None and around.is_sure:
        listed = tuple(normalised(name) for name in names)
        state.removed.append(Removed(line=around.line, place=around.place, folder=interpreter.writes, names=listed))


# -- uv


def _uv(command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    plain = [word for word in command.rest if not word.startswith("-")]
    action = plain[0] if plain else ""
    if action == "venv":
        rest = command.rest[command.rest.index("venv") + 1 :]
        wanted = option(rest, "-p", "--python") or command.variables.get("UV_PYTHON")
        made_with = named_python(wanted, shell, state) if wanted is not None else first_of_path(shell, state)
        has_folder = any(not word.startswith("-") for word in without_values(rest))
        folders = rest if has_folder else (*rest, ".venv")
        _make_environments(folders, made_with, shell, state, has_pip="--seed" in rest)
    elif plain[:2] == ["pip", "uninstall"]:
        names = removed_packages(list(command.words))
        _removed(names, uv_interpreter(command, shell, state), state, around)
    elif plain[:2] in (["pip", "install"], ["pip", "sync"]):
        rest = command.rest[command.rest.index(plain[1]) + 1 :]
        _installed(rest if plain[1] == "install" else ("-r", *rest), command, shell, state, around)
    elif action in _PROJECT_COMMANDS:
        _project(action, command, shell, state, around)
    elif action == "tool":
        state.names |= set(plain[2:])
    elif action == "python":
        state.names |= {"python", "python3", *(f"python{word}" for word in plain[2:])}
        state.open_files = state.open_files or f"line {around.line}: uv python"
    elif action in ("export", "lock", "init", "build", "pip"):
        state.open_files = state.open_files or f"line {around.line}: uv {action}"


def _project(action: str, command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    folder = project_environment(command, shell)
    if folder is None:
        state.open_all(f"line {around.line}: uv {action}")
        return
    path = posixpath.join(folder, "bin/python")
    if path not in state.programs:
        _add_environment(folder, _uv_python(command, shell, state), state, reads_system=False)
    own = state.programs[path]
    site = own.writes if own is not None else site_of(folder, None)
    state.names |= {"dumb-init", "tini", "gunicorn"}
    state.installed(site, Installed(line=around.line, place=around.place, names=None))
    if action == "run":
        state.open_files = state.open_files or f"line {around.line}: uv run"


def _uv_python(command: Command, shell: Shell, state: StageState) -> Interpreter | None:
    """uv takes the Python that is asked for, and gets one itself where none of the image will do."""
    wanted = option(command.rest, "-p", "--python") or command.variables.get("UV_PYTHON")
    if wanted is not None:
        return named_python(wanted, shell, state)
    return None  # requires-python and .python-version have a say


# -- environments


def _make_environments(
    rest: Sequence[str], made_with: Interpreter | None, shell: Shell, state: StageState, *, has_pip: bool
) -> None:
    for folder in (word for word in without_values(rest) if not word.startswith("-")):
        if re.search(r"[$`*]", folder):
            state.open_all("an environment in a folder that a shell names")
        else:
            reads_system = "--system-site-packages" in rest
            _add_environment(shell.absolute(folder), made_with, state, reads_system=reads_system, has_pip=has_pip)


def _add_environment(
    folder: str, made_with: Interpreter | None, state: StageState, *, reads_system: bool, has_pip: bool = False
) -> None:
    made = environment(folder, made_with, reads_system=reads_system)
    programs = posixpath.join(folder, "bin")
    versions = (f"python{made.version}",) if made.version else ()
    state.add_python(made, programs, ("python", "python3", *versions))
    if has_pip:
        state.add_pip(programs, made.path, ("pip", "pip3"))
    state.vague.append(programs)


# -- a program of Python


def _program(command: Command, shell: Shell, state: StageState, around: Surroundings) -> None:
    rest = list(command.rest)
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
        rest = rest[2 if rest[0] in ("-W", "-X") else 1 :]
    line = f"line {around.line}: a program of Python"
    if command.rest and not rest:
        return  # `python --version`
    if rest[:1] in ([], ["-"]):
        # It reads its program from a pipe or a heredoc.
        state.open_all(line)
        return
    interpreter = interpreter_of(command, shell, state)
    if rest[0] == "-m":
        _module(rest[1:], interpreter, shell, state, line)
        return
    state.open_files = state.open_files or line
    if rest[0] == "-c":
        text: str | None = " ".join(rest[1:2])
    elif posixpath.basename(rest[0]) == "get-pip.py":
        folder = posixpath.dirname(interpreter.path) if interpreter is not None else "/usr/local/bin"
        state.names |= {"pip", "pip3"}
        if interpreter is not None:
            state.add_pip("/usr/local/bin" if folder == "/usr/bin" else folder, interpreter.path, ("pip", "pip3"))
        return
    else:
        text = around.read(shell.absolute(rest[0])) if posixpath.basename(rest[0]) != "setup.py" else None
    if text is None or _TELLING.search(text):
        state.open_all(line)


def _module(words: list[str], interpreter: Interpreter | None, shell: Shell, state: StageState, line: str) -> None:
    """`python -m`."""
    name = words[0] if words else ""
    if name == "venv":
        _make_environments(words[1:], interpreter, shell, state, has_pip="--without-pip" not in words)
        if interpreter is None:
            state.open_packages = state.open_packages or line
    elif name == "ensurepip":
        state.names |= {"pip", "pip3"}
    elif name in _WRITE_FILES:
        state.open_files = state.open_files or line
    elif name not in _TELL_ONLY:
        # It runs code: that of the tests, of the repository, or of a package.
        state.open_packages = state.open_packages or line
        state.open_files = state.open_files or line
