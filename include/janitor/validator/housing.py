"""Gives the repository's processes a user of their own before the first of them runs, or says why they have none.

What they need is made theirs or left readable; what is the validator's alone, such as the spec, the report and the
files with a container's variables, is closed to them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from janitor.guest.processes import confinement
from janitor.guest.processes.child_user import ChildUser, NoChildUserError, closed_ancestor, make_child_user
from janitor.guest.processes.supervisor import ProcessStartError, run
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace, remove_tree

_PROBE = """\
import os, sys, tempfile
outside, home, cache, own = sys.argv[1:]
assert os.geteuid() == 0, "it doesn't see itself as root"
assert open("/proc/self/uid_map").read().split() == ["0", outside, "1"], "it is root outside, too"
tempfile.TemporaryFile(dir=home)
tempfile.TemporaryFile(dir=cache)
sys.exit(os.access(own, os.R_OK | os.W_OK | os.X_OK))
"""
_PROBE_LIMIT = timedelta(seconds=20)


@dataclass(frozen=True, kw_only=True)
class Housing:
    """How the repository's processes run."""

    settings: Settings
    """With package caches that are theirs."""
    described: str
    """For the report."""


def house(settings: Settings, workspace: Workspace) -> Housing:
    """Give them a user of their own from now on; where that can't be, they run as the validator's."""
    theirs = replace(
        settings, uv_cache=cache_of_workers(settings.uv_cache), pip_cache=cache_of_workers(settings.pip_cache)
    )
    caches = (theirs.uv_cache, theirs.pip_cache)
    try:
        for cache in caches:
            cache.mkdir(mode=0o755, parents=True, exist_ok=True)
        workspace.venv.mkdir()
        user = make_child_user(list(_needed(theirs, workspace)))
        user.hand_over(workspace.theirs, workspace.venv)
        for cache in caches:
            os.chown(cache, *user.ids)
        confinement.use_child_user(user)
        _probe(theirs, workspace, user)
    except (NoChildUserError, OSError) as exc:
        confinement.use_child_user(None)
        remove_tree(workspace.venv)
        # Root without capabilities can't write to another's folders.
        remove_tree(workspace.theirs)
        workspace.theirs.mkdir()
        workspace.renew_for_processes()
        return Housing(settings=settings, described=f"as the validator's user: {exc}")
    if any(closed_ancestor(path) is not None for path in (workspace.root, theirs.uv_cache)):
        # In its view they are two mounts: no hard link leads from one to the other.
        theirs = replace(theirs, installer={"UV_LINK_MODE": "copy", **theirs.installer})
    hidden = f", without {', '.join(user.hidden)}" if user.hidden else ""
    return Housing(settings=theirs, described=f"as a user of their own ({user.ids[0]}), root inside{hidden}")


def cache_of_workers(cache: Path) -> Path:
    """The package cache that the repository's processes write, beside the validator's own."""
    return cache.with_name(f"{cache.name}-of-workers")


def _needed(settings: Settings, workspace: Workspace) -> Iterator[Path]:
    """The workspace, the caches, the programs on the path with what they are links to, and the certificates."""
    yield from (workspace.root, settings.uv_cache, settings.pip_cache, settings.uv_pythons)
    yield from (Path(prefix) for prefix in (sys.prefix, sys.base_prefix))
    yield from (Path(value) for value in settings.certificates.values())
    folders = [Path(folder) for folder in settings.path.split(os.pathsep) if folder]
    yield from folders
    for folder in (*folders, Path(sys.executable).parent):
        for program in (*folder.glob("python3*"), *folder.glob("uv")):
            real = Path(os.path.realpath(program))
            yield real
            if real.parent.name == "bin" and (real.parent.parent / "lib").is_dir():
                yield real.parent.parent  # an interpreter's own folders


def _probe(settings: Settings, workspace: Workspace, user: ChildUser) -> None:
    """Run a program as that user: what can't be done there is better known before the first one that matters."""
    places = (workspace.home, settings.uv_cache, workspace.own)
    argv = [sys.executable, "-I", "-S", "-c", _PROBE, str(user.ids[0]), *map(str, places)]
    try:
        outcome = run(argv, cwd=workspace.neutral, env={}, limit=_PROBE_LIMIT, confined=True)
    except ProcessStartError as exc:
        raise NoChildUserError(f"{user.ids[0]} can't start a program: {exc}") from exc
    if outcome.exit_code != 0:
        said = " ".join(outcome.output.text.split())[-200:] or f"exit code {outcome.exit_code}"
        raise NoChildUserError(f"{user.ids[0]} can't work in the workspace: {said}")
