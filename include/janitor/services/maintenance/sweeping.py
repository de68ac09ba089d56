"""Makes final what dead workers left: their leases and trees first, then the shards that nobody works on any more.

A shard is left alone while its lease is held, while the process of its run holds the run's lease, or while Airflow's
run goes on: whatever isn't known to be over is not over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.repair.shard import Shard
from janitor.domain.workspace.lease import LeaseKind, LeaseState
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.services.workspaces.sweep import SweepLine, Swept, sweep
from janitor.stores import shards as store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction

IsOver = Callable[[str], bool]
"""Whether a run of Airflow is over; False where that isn't known."""


def nothing_is_over(airflow_run_id: str) -> bool:
    """Where Airflow isn't asked."""
    return False


@dataclass(frozen=True, kw_only=True)
class MaintenanceSweep:
    """What a sweep did, or would do."""

    lines: Sequence[SweepLine]
    """Of leases and trees."""
    ended: Sequence[Shard]
    """Shards that were not final."""

    @property
    def failed(self) -> Sequence[SweepLine]:
        """What could not be removed; the next sweep tries again."""
        return [line for line in self.lines if line.what is Swept.FAILED]


def sweep_all(
    manager: WorkspaceManager,
    *,
    is_over: IsOver = nothing_is_over,
    dry_run: bool = False,
    older_than: timedelta = timedelta(),
) -> MaintenanceSweep:
    """Sweep leases, trees and shards of the deployment.

    Args:
        manager: Of this machine.
        is_over: Says it of a run of Airflow.
        dry_run: Change nothing.
        older_than: Leave leases and trees alone that are younger.

    Raises:
        DatabaseError: Postgres can't be used.
        WorkspaceError: Another sweep is at work.
    """
    lines = sweep(manager, dry_run=dry_run, older_than=older_than)
    return MaintenanceSweep(lines=lines, ended=end_abandoned(manager, is_over=is_over, dry_run=dry_run))


def end_abandoned(
    manager: WorkspaceManager, *, is_over: IsOver = nothing_is_over, dry_run: bool = False
) -> list[Shard]:
    """End the shards that nobody works on any more; returns them. Raises DatabaseError."""
    deployment = manager.deployment
    # The shards before the leases: the process of a run holds its lease before its shards are there.
    with transaction(manager.database_url) as connection:
        shards = store.live(connection, deployment)
    with transaction(manager.database_url) as connection:
        held = {
            lease.subject.run_id
            for lease, _ in lease_store.open_leases(connection, deployment)
            if lease.subject.kind is LeaseKind.RUN and lease.state is LeaseState.HELD
        }
    ended = []
    for shard in shards:
        if shard.shard_id in held or not _is_run_over(shard, held, is_over):
            continue
        what = f"run {shard.airflow_run_id}" if shard.airflow_run_id else f"the process of run {shard.run_id}"
        why = f"{what} is over, and this shard was {shard.status.value}; nothing is known of a repair"
        with transaction(manager.database_url) as connection:
            if dry_run or store.give_up(connection, deployment, shard, why=why):
                ended.append(shard)
    return ended


def _is_run_over(shard: Shard, held: set[str], is_over: IsOver) -> bool:
    if shard.airflow_run_id is not None:
        return is_over(shard.airflow_run_id)
    return shard.run_id not in held
