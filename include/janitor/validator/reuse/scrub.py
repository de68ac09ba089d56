"""Clears a worker's machine of its last task. What a validation removes itself, and is there all the same, is told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from janitor.guest.processes.child_user import OUTER_ID
from janitor.guest.redaction import Redactor
from janitor.protocol.kept_report import KEPT_FOLDER
from janitor.protocol.reuse.manifest import ProcessSeen, unknown_processes
from janitor.protocol.reuse.order import Before
from janitor.protocol.reuse.result import LONGEST_SAID, MOST_SAID, Scrub
from janitor.protocol.terms.provenance import Warm
from janitor.protocol.text.plain_text import one_line
from janitor.validator.docker.client import DockerClient
from janitor.validator.housing import cache_of_workers
from janitor.validator.reuse.engine import clear_engine, clear_validation
from janitor.validator.reuse.gpu import still_on_gpu
from janitor.validator.reuse.processes import ProcessLook, end_survivors, look_at_processes
from janitor.validator.settings import Settings
from janitor.validator.workspace import WORKSPACE_PATTERN, remove_tree

_KILL_SECONDS = 20.0
_SHARED_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # looked at; what is the repository's user's goes
_OURS = re.compile(rf"{WORKSPACE_PATTERN}|{re.escape(KEPT_FOLDER)}")


@dataclass(kw_only=True)
class _Said:
    """What was done, in words that aren't bounded yet."""

    survivors: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    warm: Warm = field(default_factory=Warm)


def scrub(settings: Settings, before: Before, validation_id: str | None, redactor: Redactor) -> Scrub:
    """Clear this machine, as far as it is the worker's.

    Args:
        settings: Of the machine.
        before: What was there before any task.
        validation_id: Of the task that is over.
        redactor: Masks names, which a stranger has chosen.
    """
    said = _Said()
    scope = look_at_processes().scope
    if scope.is_known:
        _end_processes(before, said)
        _clear_engine(DockerClient(settings), before, validation_id, said, is_whole=scope.is_whole)
        # A container's processes are ended by its engine: whoever still lives now outlived that as well.
        _end_processes(before, said)
        _clear_folders(settings, said, is_whole=scope.is_whole)
        said.left += still_on_gpu(settings, before.gpu_memory_mib)
    else:
        said.left.append("nothing here can be told to be a worker's: this was not started as a worker's command")
    return Scrub(
        survivors=_told(said.survivors, redactor),
        removed=_told(said.removed, redactor),
        left=_told(said.left, redactor),
        warm=said.warm,
    )


def _end_processes(before: Before, said: _Said) -> None:
    known = frozenset((each.pid, each.started) for each in before.processes)

    def unknown(look: ProcessLook) -> Sequence[ProcessSeen]:
        return unknown_processes(look.processes, known, look.scope.reaper)

    found, living = end_survivors(unknown, _KILL_SECONDS)
    said.survivors += [f"process {each.program} of user {each.user}" for each in found]
    said.left += [f"process {each.pid} {each.program} can't be ended" for each in living]


def _clear_engine(
    docker: DockerClient, before: Before, validation_id: str | None, said: _Said, *, is_whole: bool
) -> None:
    if is_whole:
        cleared = clear_engine(docker, before.engine)
    elif validation_id is not None:
        cleared = clear_validation(docker, validation_id)
    else:
        return
    said.survivors += cleared.survivors
    said.removed += cleared.removed
    said.left += cleared.left
    said.warm = cleared.warm


def _clear_folders(settings: Settings, said: _Said, *, is_whole: bool) -> None:
    """Workspaces, what the repository's user has in the folders of all, and the packages that its processes wrote."""
    for path in _of_validations(settings.temporary):
        said.survivors += [f"folder {path}"] if path.name != KEPT_FOLDER else []
        _remove(path, said)
    shared = _SHARED_TEMPORARY if is_whole else ()
    for folder in dict.fromkeys([settings.temporary, *map(Path, shared)]):
        for path in _of_user(folder):
            said.survivors.append(f"file {path}")
            _remove(path, said)
    for cache in (settings.uv_cache, settings.pip_cache):
        for folder in (cache, cache_of_workers(cache)):
            # Elsewhere it is somebody's who keeps packages for many machines.
            if settings.home in folder.parents and folder.is_dir():
                said.removed.append(f"packages in {folder}")
                _remove(folder, said)


def _of_validations(temporary: Path) -> list[Path]:
    return [path for path in _entries(temporary) if _OURS.fullmatch(path.name)]


def _of_user(folder: Path) -> list[Path]:
    found = []
    for path in _entries(folder):
        try:
            if path.lstat().st_uid == OUTER_ID:
                found.append(path)
        except OSError:
            continue
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def _remove(path: Path, said: _Said) -> None:
    if not remove_tree(path) if path.is_dir() and not path.is_symlink() else not _unlinked(path):
        said.left.append(f"{path} can't be removed")


def _unlinked(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _told(said: Iterable[str], redactor: Redactor) -> tuple[str, ...]:
    """The first of them, each as one line that holds nothing secret; how many more there are is told."""
    lines = [one_line(redactor.clean(each), limit=LONGEST_SAID) for each in dict.fromkeys(said)]
    if len(lines) <= MOST_SAID:
        return tuple(lines)
    return (*lines[: MOST_SAID - 1], f"{len(lines) - MOST_SAID + 1} more")
