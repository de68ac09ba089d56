"""Working trees, sweeps and runs that were stopped, as text and as what scripts read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.workspace.holder import Liveness
from janitor.services.maintenance.stopping import Stopped
from janitor.services.maintenance.sweeping import MaintenanceSweep
from janitor.services.maintenance.worktrees import Worktree
from janitor.services.workspaces.sweep import SweepLine, Swept
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.times import compactly

_LIVENESS_MARKS = {Liveness.ALIVE: GOOD, Liveness.DEAD: BAD, Liveness.UNKNOWN: UNKNOWN}
_SWEPT_MARKS = {
    Swept.LIVE: GOOD,
    Swept.REMOVED: GOOD,
    Swept.QUARANTINED: WAITING,
    Swept.ELSEWHERE: WAITING,
    Swept.FAILED: BAD,
    Swept.UNKNOWN: UNKNOWN,
}
_DIRTY_WORDS = {True: "with work in it", False: "clean", None: "not known whether clean"}


def worktrees_text(found: Sequence[Worktree]) -> str:
    """The answer of `maintain --list-worktrees`."""
    lines = []
    for each in found:
        size = "not on this disk" if each.size_bytes is None else f"{each.size_bytes / 2**20:.1f} MiB"
        lease = each.lease
        lines.append(
            one_line(
                f"{_LIVENESS_MARKS[each.judgement.liveness]} {lease.path}  {lease.subject}, {lease.state.value} by"
                f" {lease.holder} ({each.judgement.reason}), {_DIRTY_WORDS[each.is_dirty]}, {compactly(each.age)} old,"
                f" {size}",
                limit=1000,
            )
        )
    counted = f"{len(found)} working {'tree' if len(found) == 1 else 'trees'}" if found else "No working tree"
    return "\n".join([*lines, f"{counted}."])


def worktree_dict(each: Worktree) -> dict[str, Any]:
    """A working tree for scripts."""
    lease = each.lease
    return {
        "path": lease.path,
        "lease_id": str(lease.lease_id),
        "fence": lease.fence,
        "run_id": lease.subject.run_id,
        "repository_url": lease.subject.workspace_key,
        "state": lease.state.value,
        "holder": {
            "host": lease.holder.machine.host,
            "pid": lease.holder.pid,
            "instance_id": lease.holder.instance_id,
            "task": lease.holder.task,
        },
        "alive": each.judgement.liveness.value,
        "why": each.judgement.reason,
        "dirty": each.is_dirty,
        "age_seconds": int(each.age.total_seconds()),
        "size_bytes": each.size_bytes,
        "acquired_at": lease.acquired_at.isoformat(),
        "expires_at": lease.expires_at.isoformat(),
    }


def sweep_text(swept: MaintenanceSweep, *, dry_run: bool = False) -> str:
    """The answer of `maintain --cleanup`."""
    lines = [sweep_line(line) for line in swept.lines]
    would = "would be " if dry_run else ""
    lines += [f"{GOOD} shard {one_line(each.shard_id)}: {would}ended as failed" for each in swept.ended]
    removed = sum(line.what is Swept.REMOVED for line in swept.lines)
    leases = f"{len(swept.lines)} {'lease or tree' if len(swept.lines) == 1 else 'leases and trees'}"
    return "\n".join([*lines, f"Looked at {leases}; {removed} {would}removed{'; dry run' if dry_run else ''}."])


def sweep_line(line: SweepLine) -> str:
    """What became of a lease or a folder."""
    subject = line.path or (str(line.lease.subject) if line.lease is not None else "a lease")
    return one_line(f"{_SWEPT_MARKS[line.what]} {subject}: {line.what.value}: {line.reason}", limit=1000)


def sweep_dict(swept: MaintenanceSweep) -> dict[str, Any]:
    """A sweep for scripts."""
    return {
        "leases": [
            {
                "path": line.path,
                "lease_id": None if line.lease is None else str(line.lease.lease_id),
                "what": line.what.value,
                "reason": line.reason,
            }
            for line in swept.lines
        ],
        "shards_ended": [each.shard_id for each in swept.ended],
    }


def stopped_text(stopped: Stopped) -> str:
    """The answer of `maintain --stop`."""
    how = "killed, as it didn't end by itself" if stopped.killed else "ended"
    first = f"{GOOD} run {one_line(stopped.run_id)}: process {stopped.pid} {how}"
    return "\n".join([first, sweep_text(stopped.sweep)])
