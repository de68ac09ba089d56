"""Which Python a command of pip, uv or Python itself is, and which folder an installation puts packages into."""

from __future__ import annotations

import posixpath
import re

from janitor.inspection.install.install import is_pip
from janitor.inspection.provision.commands.python_options import option
from janitor.inspection.provision.commands.shell_words import Command, Shell
from janitor.inspection.provision.system.interpreters import Interpreter, site_of
from janitor.inspection.provision.system.state import Found, StageState

UV = frozenset({"uv", "uvx"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_MOST_PARENTS = 20
_ROOT = ("root", "0", "0:0", "root:root")


def interpreter_of(command: Command, shell: Shell, state: StageState) -> Interpreter | None:
    """Whose Python a command of pip or Python is; None where that isn't known."""
    word = command.program
    path = _path_of(word, shell, state)
    if path is None:
        return None
    if is_pip(path):
        owner = state.pips.get(path)
        wanted = option(command.rest, "--python")
        if wanted is not None:
            return named_python(wanted, shell, state)
        return state.of_path(owner) if owner is not None else None
    return state.of_path(path)


def installs_into(command: Command, shell: Shell, state: StageState, user: str | None) -> str | None:
    """The folder that an installation puts packages into; None where that isn't known."""
    is_uv = posixpath.basename(command.program) in UV
    # What no shell reads has no variables, and what isn't known may name another folder.
    if target := option(command.rest, "-t", "--target") or command.variables.get("PIP_TARGET"):
        return None if re.search(r"[$`]", target) else shell.absolute(target)
    interpreter = uv_interpreter(command, shell, state) if is_uv else interpreter_of(command, shell, state)
    if prefix := option(command.rest, "--prefix") or command.variables.get("PIP_PREFIX"):
        is_plain = interpreter is not None and not interpreter.is_system and not re.search(r"[$`]", prefix)
        return site_of(shell.absolute(prefix), interpreter.version) if interpreter is not None and is_plain else None
    if interpreter is None or option(command.rest, "--root") is not None:
        return None
    is_user = "--user" in command.rest or command.variables.get("PIP_USER", "").lower() in _TRUE
    is_root = user in (None, *_ROOT)
    if is_uv or interpreter.folder is not None or (is_root and not is_user):
        return interpreter.writes
    # pip puts into a user's own folder what the user may not write elsewhere.
    base = command.variables.get("PYTHONUSERBASE")
    home = command.variables.get("HOME") or ("/root" if is_root else None)
    base = base or (posixpath.join(home, ".local") if home is not None else None)
    return None if base is None or re.search(r"[$`]", base) else site_of(base, interpreter.version)


def uv_interpreter(command: Command, shell: Shell, state: StageState) -> Interpreter | None:
    """The Python that `uv pip` works for; None where that isn't known, and where there surely is none."""
    wanted = option(command.rest, "-p", "--python") or command.variables.get("UV_PYTHON")
    if wanted is not None:
        return named_python(wanted, shell, state)
    if is_for_system(command):
        return first_of_path(shell, state)
    if folder := command.variables.get("VIRTUAL_ENV"):
        return state.of_path(posixpath.join(folder, "bin/python"))
    if "CONDA_PREFIX" in command.variables or not shell.is_workdir_known:
        return None
    return next(
        (found for each in _around(shell.workdir) if (found := state.of_path(f"{each}/.venv/bin/python")) is not None),
        None,
    )


def is_for_system(command: Command) -> bool:
    """Whether uv is told to work for the first Python of PATH."""
    return "--system" in command.rest or command.variables.get("UV_SYSTEM_PYTHON", "").lower() in _TRUE


def finds_no_environment(command: Command, shell: Shell, state: StageState) -> bool:
    """Whether `uv pip` surely finds no environment to work for, which it refuses to do without."""
    named = option(command.rest, "-p", "--python", "-t", "--target", "--prefix") is not None
    given = {"UV_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_SYSTEM_PYTHON", "CONDA_DEFAULT_ENV"}
    if named or is_for_system(command) or given & set(command.variables) or not command.is_clear:
        return False
    if state.system is None or state.open_programs is not None or not shell.is_workdir_known or not shell.is_path_known:
        return False
    if any("/.venv/" in path for path in state.programs) or "uv.toml" in " ".join(state.texts):
        return False
    return not any(map(state.is_vague, _around(shell.workdir)))


def project_environment(command: Command, shell: Shell) -> str | None:
    """The folder of the environment of uv's project; None where that isn't known."""
    if "--active" in command.rest and "VIRTUAL_ENV" in command.variables:
        return command.variables["VIRTUAL_ENV"]
    stated = command.variables.get("UV_PROJECT_ENVIRONMENT", ".venv")
    project = option(command.rest, "--project", "--directory") or "."
    if re.search(r"[$`]", stated + project) or not shell.is_workdir_known:
        return None
    return posixpath.normpath(posixpath.join(shell.absolute(project), stated))


def first_of_path(shell: Shell, state: StageState) -> Interpreter | None:
    """The Python that uv finds first; None where its names stand for several, whose order is uv's affair."""
    found = {each.writes: each for name in ("python", "python3") if (each := _on_path(name, shell, state)) is not None}
    return next(iter(found.values())) if len(found) == 1 else None


def _on_path(name: str, shell: Shell, state: StageState) -> Interpreter | None:
    found = state.look_up(name, shell.folders, holds_file=False)
    return found.interpreter if isinstance(found, Found) else None


def _path_of(word: str, shell: Shell, state: StageState) -> str | None:
    """Where a program is found."""
    if "/" in word:
        return shell.absolute(word) if shell.is_workdir_known or word.startswith("/") else None
    paths = (posixpath.join(folder, word) for folder in shell.folders or ())
    return next((path for path in paths if path in state.programs), None)


def named_python(wanted: str, shell: Shell, state: StageState) -> Interpreter | None:
    """The interpreter that an option names: by a path, a name, a version, or an environment's folder."""
    if re.search(r"[$`]", wanted):
        return None
    if "/" in wanted:
        path = shell.absolute(wanted)
        return state.of_path(path) or state.of_path(posixpath.join(path, "bin/python"))
    name = f"python{wanted}" if re.fullmatch(r"3(?:\.\d+)?", wanted) else wanted
    return _on_path(name, shell, state)


def _around(folder: str) -> list[str]:
    """A folder and those around it."""
    found = [folder.rstrip("/")]
    while found[-1] and len(found) < _MOST_PARENTS:
        found.append(posixpath.dirname(found[-1]).rstrip("/"))
    return found
