"""Shards of maintenance runs, inside a caller's transaction.

Invariant: the row is the claim, and no cause of a repository has two that aren't final. Whoever works on one writes
within `HeldLease.effect`, with the fence of that lease; what an older fence writes is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from janitor.domain.repair.shard import PlannedShard, Shard
from janitor.domain.repair.states import ShardStatus
from janitor.domain.workspace.lease import Lease
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

LONGEST_MESSAGE = 2000
LONGEST_OUTCOME = 500


def looked_at(connection: Connection) -> datetime:
    """The present instant, by the database's clock."""
    at: datetime = named_queries().looked_at(connection)
    return at


def claim(
    connection: Connection,
    deployment: str,
    planned: PlannedShard,
    *,
    at: datetime,
    airflow_run_id: str | None = None,
) -> bool:
    """Write a shard that nobody works on.

    Args:
        at: When it was found: whatever another run has claimed since is that one's, also when it has ended.
        airflow_run_id: Of the run of the DAG that does the work.

    Returns:
        False where somebody works on it or did since, or where this run has tried it before.
    """
    claimed = named_queries().claim_shard(
        connection,
        deployment=deployment,
        shard_id=planned.shard_id,
        run_id=planned.run_id,
        airflow_run_id=airflow_run_id,
        repository=planned.repository,
        source_validation_id=planned.validation_id,
        signature=planned.signature,
        canary_of=planned.canary_of,
        looked_at=at,
    )
    return claimed is not None


def find(connection: Connection, deployment: str, shard_id: str) -> Shard | None:
    """A shard; None where there is none of this id."""
    row = named_queries().shard(connection, deployment=deployment, shard_id=shard_id)
    return None if row is None else shard_from(row)


def of_run(connection: Connection, deployment: str, run_id: str) -> list[Shard]:
    """The shards of a maintenance run, in the order in which they were claimed."""
    return [shard_from(row) for row in named_queries().shards_of_run(connection, deployment=deployment, run_id=run_id)]


def last(connection: Connection, deployment: str, count: int) -> list[Shard]:
    """Those that changed last, the last one first."""
    return [shard_from(row) for row in named_queries().last_shards(connection, deployment=deployment, count=count)]


def live(connection: Connection, deployment: str) -> list[Shard]:
    """Those that aren't final, the oldest first."""
    return [shard_from(row) for row in named_queries().live_shards(connection, deployment=deployment)]


def begin(
    connection: Connection,
    shard: Shard,
    lease: Lease,
    *,
    worker_id: str,
    artefact_prefix: str,
    is_new_try: bool = True,
    most_at_once: int | None = None,
) -> bool:
    """Take a shard up, or up again after a holder that lost it.

    Args:
        worker_id: Who does.
        artefact_prefix: Where what it keeps will be.
        is_new_try: Whether this counts as another try; the first one always does.
        most_at_once: So many shards of its run may be at work; None: any number.

    Returns:
        False where it is final, a newer holder's, or where as many others are at work.
    """
    deployment = lease.subject.deployment
    if most_at_once is not None:
        named_queries().take_turn_of_run(connection, deployment=deployment, run_id=shard.run_id)
        others = named_queries().running_shards(
            connection, deployment=deployment, run_id=shard.run_id, shard_id=shard.shard_id
        )
        if others >= most_at_once:
            return False
    changed: int = named_queries().begin_shard(
        connection,
        deployment=lease.subject.deployment,
        shard_id=shard.shard_id,
        worker_id=worker_id[:500],
        lease_id=lease.lease_id,
        fence=lease.fence,
        artefact_prefix=artefact_prefix,
        is_new_try=is_new_try,
    )
    return changed == 1


def finish(
    connection: Connection,
    shard: Shard,
    lease: Lease,
    status: ShardStatus,
    *,
    outcome: str | None = None,
    error_message: str | None = None,
    cost_usd: Decimal | None = None,
) -> bool:
    """Write a shard's end; returns False where it is final already, or a newer holder's."""
    changed: int = named_queries().finish_shard(
        connection,
        deployment=lease.subject.deployment,
        shard_id=shard.shard_id,
        fence=lease.fence,
        status=status.value,
        outcome=None if outcome is None else outcome[:LONGEST_OUTCOME],
        error_message=None if error_message is None else error_message[:LONGEST_MESSAGE],
        cost_usd=cost_usd,
    )
    return changed == 1


def give_up(connection: Connection, deployment: str, shard: Shard, *, why: str) -> bool:
    """End a shard that nobody works on any more, and the repair that was not proved.

    Returns:
        False where it has changed since it was read: then nothing was done.
    """
    changed: int = named_queries().give_up_shard(
        connection,
        deployment=deployment,
        shard_id=shard.shard_id,
        seen_fence=shard.fence,
        error_message=why[:LONGEST_MESSAGE],
    )
    if changed:
        named_queries().give_up_repair(connection, deployment=deployment, shard_id=shard.shard_id, reason=why[:1000])
    return changed == 1


def skip(connection: Connection, deployment: str, shard: Shard, *, why: str) -> bool:
    """End a shard that has nothing to do any more; returns False where it has changed since it was read."""
    changed: int = named_queries().skip_shard(
        connection,
        deployment=deployment,
        shard_id=shard.shard_id,
        seen_fence=shard.fence,
        outcome=why[:LONGEST_OUTCOME],
    )
    return changed == 1


def shard_from(row: Mapping[str, Any]) -> Shard:
    """A shard of a row."""
    return Shard(
        shard_id=row["shard_id"],
        run_id=row["run_id"],
        repository=row["repository"],
        validation_id=row["source_validation_id"],
        signature=row["signature"],
        canary_of=row["canary_of"],
        status=ShardStatus(row["status"]),
        airflow_run_id=row["airflow_run_id"],
        attempt=row["attempt"],
        worker_id=row["worker_id"],
        lease_id=row["lease_id"],
        fence=row["fence"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        updated_at=row["updated_at"],
        error_message=row["error_message"],
        outcome=row["outcome"],
        cost_usd=row["cost_usd"],
        artefact_prefix=row["artefact_prefix"],
    )
