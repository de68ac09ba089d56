"""What a COPY from another stage brings: programs, environments and packages, to where they come to lie."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from janitor.inspection.dockerfile.base_images import is_of_uv
from janitor.inspection.dockerfile.steps import Copy
from janitor.inspection.provision.system.interpreters import Interpreter, matches, moved
from janitor.inspection.provision.system.state import BIN_FOLDERS, StageState


def copy_from_stage(copy: Copy, source: StageState | None, state: StageState) -> None:
    """Take in what is copied from a stage, or from an image that nothing is known of."""
    destination = copy.target
    if source is state:
        state.open_all(f"line {copy.line}: COPY from its own stage")
        return
    if source is None:
        _from_an_image(copy, destination, state)
        return
    for each in copy.sources:
        if copy.unknown or re.search(r"[*?\[]", each):
            state.open_all(f"line {copy.line}: COPY of what isn't known")
            return
        path = posixpath.normpath("/" + each.lstrip("/"))
        if path == destination == "/" and state.system is None:
            _all_of(source, state)
            return
        # A single program goes into a folder by its name.
        into = copy.destination.endswith("/") and path in source.programs
        _copied(path, posixpath.join(destination, posixpath.basename(path)) if into else destination, source, state)
        if path in ("/", "/usr", "/lib", "/bin", "/usr/bin"):
            state.open_all(f"line {copy.line}: COPY of a system's folders")
    state.vague.append(destination)


def _from_an_image(copy: Copy, destination: str, state: StageState) -> None:
    names = {posixpath.basename(each.rstrip("/")) for each in copy.sources}
    if copy.from_ is not None and is_of_uv(copy.from_) and not copy.unknown:
        state.names |= names | {"uv", "uvx"}
        for name in names:
            state.programs[posixpath.join(destination, name)] = None
        return
    state.vague.append(destination)
    state.names |= names
    if not destination.startswith(("/app", "/src", "/models", "/workspace", "/data")):
        state.open_all(f"line {copy.line}: COPY from {copy.from_}")


def _all_of(source: StageState, state: StageState) -> None:
    """An image out of nothing that gets all of another one."""
    copied = source.copy()
    for name in vars(copied):
        setattr(state, name, getattr(copied, name))


def _copied(path: str, destination: str, source: StageState, state: StageState) -> None:
    for program, interpreter in source.programs.items():
        if (target := moved(program, path, destination)) is not None and program.startswith(path.rstrip("/")):
            state.programs[target] = _placed(interpreter, path, destination)
            if program in source.pips:
                owner = source.pips[program]
                state.pips[target] = moved(owner, path, destination) or owner
    for folder, found in source.sites.items():
        if (target := moved(folder, path, destination)) is not None:
            # What was taken away there comes back.
            state.removed = [each for each in state.removed if not matches(each.folder, target)]
            for each in found:
                state.installed(target, each)
    for removed in source.removed:
        if (target := moved(removed.folder, path, destination)) is not None:
            state.removed.append(replace(removed, folder=target))
    # What a command that nobody knows has brought there comes along.
    reaches_system = destination in BIN_FOLDERS or destination.startswith(("/usr", "/opt", "/lib", "/root"))
    if source.open_programs is not None and reaches_system:
        state.open_programs = state.open_programs or source.open_programs
    if source.open_packages is not None:
        state.open_packages = state.open_packages or source.open_packages
    if source.system is None:
        state.open_all("a stage of an image that isn't known")


def _placed(interpreter: Interpreter | None, path: str, destination: str) -> Interpreter | None:
    """An environment in its new place; any other interpreter reads what it read."""
    if interpreter is None or interpreter.folder is None:
        return interpreter
    folder = moved(interpreter.folder, path, destination) or interpreter.folder
    return replace(
        interpreter,
        path=posixpath.join(folder, "bin/python"),
        folder=folder,
        writes=moved(interpreter.writes, path, destination) or interpreter.writes,
        reads=tuple(moved(each, path, destination) or each for each in interpreter.reads),
    )
