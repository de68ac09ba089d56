"""What this machine has room for, as far as it can be told before anything is checked out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from janitor.domain.errors import WorkspaceError
from janitor.domain.repair.room import Room
from janitor.services.workspaces.manager import WorkspaceManager

_GITLINK = b"160000"


def room_of(manager: WorkspaceManager, wanted: Iterable[tuple[str, str]]) -> Room:
    """What there is.

    Args:
        manager: Whose disk is looked at.
        wanted: Address and commit of what may be checked out; one whose mirror isn't there yet counts as small.
    """
    folder = manager.runs
    while not folder.is_dir():
        folder = folder.parent
    return Room(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        free_bytes=shutil.disk_usage(folder).free,
        largest_tree_bytes=max((_size_of(manager, url, commit) for url, commit in wanted), default=0),
    )


def _size_of(manager: WorkspaceManager, url: str, commit: str) -> int:
    try:
        mirror = manager.mirror(url)
        if not mirror.path.is_dir():
            return 0
        words = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit]
        entries = mirror.git.listed(*words, cwd=mirror.path, env={"GIT_DIR": str(mirror.path)})
    except WorkspaceError:
        return 0  # not fetched yet; the tree asks for its room itself, before it is made
    metas = (entry.partition(b"\t")[0].split() for entry in entries)
    return sum(0 if meta[0] == _GITLINK else int(meta[3]) for meta in metas)
