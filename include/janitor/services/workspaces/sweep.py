"""Removes what dead holders left, and nothing of the living: leases, trees, and the processes that they had started.

A lease that is held and renewed is never touched. One whose holder is provably dead is fenced off, and its tree is
removed when its work is kept. One whose time is over and of whose holder nothing is known is given free, and its tree
stays as it is: somebody may still write there, and nobody else ever will.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from uuid import UUID

from janitor.domain.errors import LeaseHeldError, NotFoundError, WorkspaceError
from janitor.domain.workspace.holder import Judgement
from janitor.domain.workspace.lease import Lease, LeaseState
from janitor.services.workspaces.leasing import fence_off, judge_holder
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.services.workspaces.mirror import tidy
from janitor.services.workspaces.turns import turn
from janitor.stores import workspaces as store
from janitor.stores.database import transaction

_TURN_LIMIT = timedelta(minutes=2)


class Swept(Enum):
    """What became of a lease, or of a folder that no lease is known of."""

    LIVE = "live"  # left alone
    REMOVED = "removed"
    QUARANTINED = "quarantined"  # given free, its tree left alone
    ELSEWHERE = "elsewhere"  # its tree is on another machine's disk, whose own sweep removes it
    FAILED = "failed"  # something can't be kept or removed; tried again by the next sweep
    UNKNOWN = "unknown"  # a folder without a lease: told, and left alone


@dataclass(frozen=True, kw_only=True)
class SweepLine:
    """One lease or folder that a sweep looked at."""

    what: Swept
    reason: str
    path: str | None
    lease: Lease | None = None


def sweep(manager: WorkspaceManager, *, dry_run: bool = False, older_than: timedelta = timedelta()) -> list[SweepLine]:
    """Look at every open lease of the deployment, every tree on the disk, and every mirror.

    Args:
        dry_run: Change nothing, say what would be done.
        older_than: Leave alone what was leased since.

    Raises:
        DatabaseError: The database can't be asked.
        WorkspaceError: Another sweep is at work.
    """
    with _alone(manager):
        with transaction(manager.database_url) as connection:
            found = store.open_leases(connection, manager.deployment)
        lines = [
            _sweep_one(manager, lease, now, dry_run=dry_run)
            if now - lease.acquired_at >= older_than
            else _line(Swept.LIVE, lease, "it was leased a short while ago")
            for lease, now in found
        ]
        for mirror in () if dry_run else sorted(manager.mirrors.glob("*.git")):
            with contextlib.suppress(WorkspaceError):  # it is being fetched: whoever fetches cleans it first
                tidy(mirror)
        return [*lines, *_unknown(manager)]


def force_unlock(manager: WorkspaceManager, lease_id: UUID) -> SweepLine:
    """Take a lease from a holder that is provably dead, and remove its tree.

    Raises:
        NotFoundError: There is no such lease.
        LeaseHeldError: Its holder lives, or nobody knows; nothing was changed.
        WorkspaceError: A sweep is at work.
    """
    with _alone(manager):
        with transaction(manager.database_url) as connection:
            found = store.find(connection, manager.deployment, lease_id)
        if found is None:
            raise NotFoundError(f"there is no lease {lease_id} in {manager.deployment}")
        lease, _ = found
        judgement = judge_holder(manager.database_url, lease, end_children=True)
        if not _may_go(lease, judgement):
            raise LeaseHeldError(lease, judgement.reason)
        return _remove(manager, lease, judgement)


def _alone(manager: WorkspaceManager) -> AbstractContextManager[None]:
    """Two at once would take what the other has half removed for work."""
    return turn(manager.runs / ".sweep.lock", what=f"sweeping {manager.runs}", limit=_TURN_LIMIT)


def _sweep_one(manager: WorkspaceManager, lease: Lease, now: datetime, *, dry_run: bool) -> SweepLine:
    judgement = judge_holder(manager.database_url, lease, end_children=not dry_run)
    if _may_go(lease, judgement):
        return _line(Swept.REMOVED, lease, judgement.reason) if dry_run else _remove(manager, lease, judgement)
    if lease.state is LeaseState.HELD:
        if not lease.is_expired(now):
            return _line(Swept.LIVE, lease, judgement.reason)
        if not dry_run:
            with transaction(manager.database_url) as connection:
                ended_by = f"its time was over: {judgement.reason}; by {manager.holder}"[:500]
                if not store.end(connection, lease, state=LeaseState.QUARANTINED, ended_by=ended_by):
                    return _line(Swept.LIVE, lease, "it was renewed or ended meanwhile")
    return _line(Swept.QUARANTINED, lease, judgement.reason)


def _may_go(lease: Lease, judgement: Judgement) -> bool:
    """Whether the tree of a lease is anybody's no more."""
    return lease.state in (LeaseState.RELEASED, LeaseState.FENCED) or judgement.is_dead


def _remove(manager: WorkspaceManager, lease: Lease, judgement: Judgement) -> SweepLine:
    if lease.state in (LeaseState.HELD, LeaseState.QUARANTINED):
        taken = fence_off(manager.database_url, lease, why=judgement.reason, by=str(manager.holder))
        if not taken:
            return _line(Swept.LIVE, lease, "it was renewed or ended meanwhile")
    if lease.path is None or not lease.has_tree:
        return _line(Swept.REMOVED, lease, judgement.reason)
    here, there = manager.holder.machine, lease.holder.machine
    if (here.host, here.machine_id) != (there.host, there.machine_id) and not Path(lease.path).exists():
        if not judgement.is_dead:
            return _line(Swept.ELSEWHERE, lease, f"its tree is on the disk of {there.host}")
        with transaction(manager.database_url) as connection:
            store.tree_removed(connection, lease)
        return _line(Swept.REMOVED, lease, f"{judgement.reason}, and its disk with it")
    try:
        manager.clear(lease)
    except WorkspaceError as exc:
        return _line(Swept.FAILED, lease, str(exc))
    return _line(Swept.REMOVED, lease, judgement.reason)


def _unknown(manager: WorkspaceManager) -> list[SweepLine]:
    """Trees that no lease of this database is known of; another database may have it."""
    folders = [str(each) for each in sorted(manager.runs.glob("*/trees/*"))]
    with transaction(manager.database_url) as connection:
        known = store.known_paths(connection, folders)
    reason = "no lease of this database has it; remove it by hand if no other database's has"
    return [SweepLine(what=Swept.UNKNOWN, reason=reason, path=folder) for folder in folders if folder not in known]


def _line(what: Swept, lease: Lease, reason: str) -> SweepLine:
    return SweepLine(what=what, reason=reason, path=lease.path, lease=lease)
