"""What became of each instance that a run asked for: its places, its times, its end. Uses the role that only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from janitor.domain.states import InstanceState, PlacementResult, TerminationReason
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

MOST_INSTANCES = 1_000


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One instance, or one attempt to launch it."""

    instance_id: str | None
    instance_type: str
    market: str
    availability_zone: str | None
    state: InstanceState
    repository_name: str | None
    """None: it is the run's own."""
    intent_at: datetime
    launched_at: datetime | None
    command_started_at: datetime | None
    command_ended_at: datetime | None
    end_asked_at: datetime | None
    ended_at: datetime | None
    total_usd: Decimal | None
    placement: PlacementResult | None
    """What EC2 said to it; None where that wasn't kept."""
    aws_code: str | None
    """Of a refusal."""
    round: int | None
    """How often all places were tried before."""
    termination_reason: TerminationReason | None
    ended_by: str | None
    """Who ended it, in words."""


def timelines_of(settings: Settings, run_id: UUID) -> list[Timeline]:
    """Of a run, the oldest first.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        rows = list(named_queries().timelines_of_run(connection, run_id=run_id, most=MOST_INSTANCES))
    return [
        Timeline(
            instance_id=row["instance_id"],
            instance_type=row["instance_type"],
            market=row["market"],
            availability_zone=row["availability_zone"],
            state=InstanceState(row["state"]),
            repository_name=row["repository_name"],
            intent_at=row["intent_at"],
            launched_at=row["launched_at"],
            command_started_at=row["command_started_at"],
            command_ended_at=row["command_ended_at"],
            end_asked_at=row["end_asked_at"],
            ended_at=row["ended_at"],
            total_usd=row["total_usd"],
            placement=PlacementResult(row["result"]) if row["result"] else None,
            aws_code=row["aws_code"],
            round=row["round"],
            termination_reason=TerminationReason(row["termination_reason"]) if row["termination_reason"] else None,
            ended_by=row["ended_by"],
        )
        for row in rows
    ]
