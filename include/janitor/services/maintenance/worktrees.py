"""The working trees that leases have, as they are seen from this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.domain.workspace.holder import Judgement
from janitor.domain.workspace.lease import Lease
from janitor.services.workspaces.leasing import judge_holder
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.stores import workspaces as store
from janitor.stores.database import transaction

_MOST_STATUS_BYTES = 4 * 2**20
_MOST_COUNTED = 200_000
"""Files of a tree whose sizes are added up."""


@dataclass(frozen=True, kw_only=True)
class Worktree:
    """One of them."""

    lease: Lease
    judgement: Judgement
    """Of its holder."""
    age: timedelta
    is_here: bool
    """Whether it lies on this machine's disk."""
    is_dirty: bool | None
    """Whether there is work in it that was not in the commit; None: that can't be told."""
    size_bytes: int | None
    """None: it isn't here."""


def worktrees(manager: WorkspaceManager) -> list[Worktree]:
    """Those whose lease is held, or whose tree isn't known to be gone, the oldest first.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(manager.database_url) as connection:
        found = store.open_leases(connection, manager.deployment)
    return [_seen(manager, lease, now) for lease, now in found if lease.path is not None]


def _seen(manager: WorkspaceManager, lease: Lease, now: datetime) -> Worktree:
    path = Path(str(lease.path))
    is_here = path.is_dir() and not path.is_symlink()
    return Worktree(
        lease=lease,
        judgement=judge_holder(manager.database_url, lease),
        age=now - lease.acquired_at,
        is_here=is_here,
        is_dirty=_is_dirty(manager, lease) if is_here else None,
        size_bytes=sum(_sizes(path)) if is_here else None,
    )


def _is_dirty(manager: WorkspaceManager, lease: Lease) -> bool | None:
    """Asked without writing anything, as its holder may be at work."""
    with contextlib.suppress(WorkspaceError, OSError):
        tree = manager.tree_of(lease)
        if not (tree.admin / "index").is_file():
            return None  # it is being checked out
        words = ["status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all"]
        if tree.git.output(*words, cwd=tree.path, most_bytes=_MOST_STATUS_BYTES):
            return True
        head = tree.git.output("rev-parse", "HEAD", cwd=tree.path, most_bytes=200).decode("ascii", "replace").strip()
        return head != tree.base.read_text(encoding="ascii").strip()
    return None


def _sizes(path: Path) -> Iterator[int]:
    left = _MOST_COUNTED
    for at, _, files in os.walk(path):
        for name in files:
            left -= 1
            if left < 0:
                return
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(at, name)).st_size
