"""Repairs, inside a caller's transaction: what was proposed for a shard, and how far it came.

Invariant: written within `HeldLease.effect` of the shard's lease, with its fence; a repository's cause has one repair
at most that is at work, proved or published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.repair.discovery import KnownRepair, RepairKey
from janitor.domain.repair.proposal import ProposedBy
from janitor.domain.repair.shard import Repair
from janitor.domain.repair.states import RepairState
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


def insert(connection: Connection, deployment: str, repair: Repair, *, fence: int) -> None:
    """Write a repair down, in the state that it begins with.

    Raises:
        IntegrityError: The cause has one that is at work, proved or published.
    """
    named_queries().insert_repair(
        connection,
        repair_id=repair.repair_id,
        deployment=deployment,
        shard_id=repair.shard_id,
        repository=repair.repository,
        signature=repair.signature,
        base_validation_id=repair.base_validation_id,
        base_commit=repair.base_commit,
        proposed_by=None if repair.proposed_by is None else repair.proposed_by.value,
        name=_cut(repair.name, 200),
        summary=_cut(repair.summary, 500),
        root_cause=_cut(repair.root_cause, 2000),
        evidence=Jsonb(list(repair.evidence)),
        patch=repair.patch,
        patch_sha256=repair.patch_sha256,
        files=repair.files,
        lines=repair.lines,
        state=repair.state.value,
        reason=_cut(repair.reason, 1000),
        proposal_usd=repair.proposal_usd,
        fence=fence,
    )


def move(
    connection: Connection,
    deployment: str,
    repair_id: UUID,
    state: RepairState,
    *,
    fence: int,
    reason: str | None = None,
    proof_validation_id: UUID | None = None,
    control_validation_id: UUID | None = None,
    cost_usd: Decimal | None = None,
) -> None:
    """Write a repair's next state; what isn't told stays as it was.

    Raises:
        IntegrityError: That state doesn't follow the one that it is in.
    """
    named_queries().move_repair(
        connection,
        deployment=deployment,
        repair_id=repair_id,
        fence=fence,
        state=state.value,
        reason=_cut(reason, 1000),
        proof_validation_id=proof_validation_id,
        control_validation_id=control_validation_id,
        cost_usd=cost_usd,
    )


def publish(
    connection: Connection, deployment: str, repair_id: UUID, *, fence: int, published_as: str, url: str | None
) -> None:
    """Say where people find it. Raises as `move`."""
    named_queries().publish_repair(
        connection,
        deployment=deployment,
        repair_id=repair_id,
        fence=fence,
        published_as=published_as[:100],
        url=_cut(url, 2000),
    )


def find(connection: Connection, deployment: str, repair_id: UUID) -> Repair | None:
    """A repair; None where there is none of this id."""
    row = named_queries().repair(connection, deployment=deployment, repair_id=repair_id)
    return None if row is None else repair_from(row)


def beginning_with(connection: Connection, deployment: str, beginning: str) -> list[Repair]:
    """Those whose id begins so, the newest first."""
    rows = named_queries().repairs_like(connection, deployment=deployment, beginning=beginning.lower())
    return [repair_from(row) for row in rows]


def of_shard(connection: Connection, deployment: str, shard_id: str) -> Repair | None:
    """The newest of a shard; None where it has none."""
    row = named_queries().repair_of_shard(connection, deployment=deployment, shard_id=shard_id)
    return None if row is None else repair_from(row)


def live_of(connection: Connection, deployment: str, repository: str, signature: str) -> Repair | None:
    """The one that is at work, proved or published; None where there is none."""
    row = named_queries().live_repair(connection, deployment=deployment, repository=repository, signature=signature)
    return None if row is None else repair_from(row)


def last(connection: Connection, deployment: str, count: int) -> list[Repair]:
    """The newest first."""
    return [repair_from(row) for row in named_queries().last_repairs(connection, deployment=deployment, count=count)]


def newest(connection: Connection, deployment: str, repositories: Collection[str]) -> dict[RepairKey, KnownRepair]:
    """The newest repair of each cause of these repositories."""
    rows = named_queries().newest_repairs(connection, deployment=deployment, repositories=list(repositories))
    return {
        (row["repository"], row["signature"]): KnownRepair(
            state=RepairState(row["state"]),
            base_validation_id=row["base_validation_id"],
            updated_at=row["updated_at"],
        )
        for row in rows
    }


def switched_off(connection: Connection, run_id: UUID) -> frozenset[str]:
    """Repositories of a run of validations whose people want no repairs, as `organization/name`."""
    rows = named_queries().repositories_without_repairs(connection, run_id=run_id)
    return frozenset(row["repository"] for row in rows)


def spent(connection: Connection, deployment: str, run_id: str) -> Decimal:
    """What the repairs of a maintenance run have cost, in USD, as far as it is known."""
    usd: Decimal = named_queries().spent_on_repairs(connection, deployment=deployment, run_id=run_id)
    return usd


def repair_from(row: Mapping[str, Any]) -> Repair:
    """A repair of a row."""
    return Repair(
        repair_id=row["repair_id"],
        shard_id=row["shard_id"],
        repository=row["repository"],
        signature=row["signature"],
        base_validation_id=row["base_validation_id"],
        base_commit=row["base_commit"],
        proposed_by=ProposedBy(row["proposed_by"]) if row["proposed_by"] else None,
        name=row["name"],
        summary=row["summary"],
        root_cause=row["root_cause"],
        evidence=tuple(str(line) for line in row["evidence"]),
        patch=row["patch"],
        patch_sha256=row["patch_sha256"],
        files=row["files"],
        lines=row["lines"],
        state=RepairState(row["state"]),
        reason=row["reason"],
        proof_validation_id=row["proof_validation_id"],
        control_validation_id=row["control_validation_id"],
        published_as=row["published_as"],
        url=row["url"],
        proposal_usd=row["proposal_usd"],
        cost_usd=row["cost_usd"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        published_at=row["published_at"],
    )


def _cut(text: str | None, limit: int) -> str | None:
    return None if text is None else text[:limit]
