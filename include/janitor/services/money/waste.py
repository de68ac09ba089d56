"""What the time of instances went into, and what of it nothing explains. Uses the role that only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from janitor.domain.money.costs import InstancePhase
from janitor.domain.states import InstanceOrigin, TerminationReason
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class PhaseTotal:
    """Time and money of one phase, over all instances."""

    duration: timedelta
    usd: Decimal
    """Of the instances whose price is known."""


@dataclass(frozen=True, kw_only=True)
class UnexplainedTime:
    """An instance with time that nothing explains, and everything that is known of its end."""

    instance_id: str | None
    instance_type: str
    origin: InstanceOrigin
    repository_name: str | None
    run_id: UUID | None
    pool: str | None
    """Whose machine it is; None: no pool's."""
    launched_at: datetime
    stopped_at: datetime | None
    """First sight of shutting-down; None while it lives."""
    unexplained: timedelta
    usd: Decimal | None
    """None: its price isn't known."""
    because: str | None
    """Why the time is unexplained."""
    ended_by: str | None
    termination_reason: TerminationReason | None
    termination_detail: str | None
    state_reason: str | None
    """EC2's own code."""
    notices: str | None
    """What the killers outside Airflow left word of."""


@dataclass(frozen=True, kw_only=True)
class WasteReport:
    """Every instance-second since an instant."""

    since: datetime
    instances: int
    instances_without_price: int
    total: PhaseTotal
    phases: Mapping[InstancePhase, PhaseTotal]
    """They add up to the total."""
    unexplained: Sequence[UnexplainedTime]
    """The longest first."""


def waste_report(settings: Settings, days: int) -> WasteReport:
    """Explain the time of every instance that was launched in the last `days` days.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    since = datetime.now(timezone.utc) - timedelta(days=days)
    queries = named_queries()
    with transaction(settings.reader_url) as connection:
        totals = queries.phase_totals(connection, deployment=settings.deployment, since=since)
        rows = list(queries.unexplained(connection, deployment=settings.deployment, since=since))
    return WasteReport(
        since=since,
        instances=totals["instances"],
        instances_without_price=totals["instances_without_price"],
        total=_total(totals, "total"),
        phases={phase: _total(totals, phase.value) for phase in InstancePhase},
        unexplained=tuple(_unexplained(row) for row in rows),
    )


def _total(row: Mapping[str, Any], name: str) -> PhaseTotal:
    return PhaseTotal(duration=_duration(row[f"{name}_seconds"]), usd=row[f"{name}_usd"])


def _unexplained(row: Mapping[str, Any]) -> UnexplainedTime:
    return UnexplainedTime(
        instance_id=row["instance_id"],
        instance_type=row["instance_type"],
        origin=InstanceOrigin(row["origin"]),
        repository_name=row["repository_name"],
        run_id=row["run_id"],
        pool=row["pool"],
        launched_at=row["launched_at"],
        stopped_at=row["stopped_at"],
        unexplained=_duration(row["unexplained_seconds"]),
        usd=row["unexplained_usd"],
        because=row["unexplained_because"],
        ended_by=_ended_by(row),
        termination_reason=TerminationReason(row["termination_reason"]) if row["termination_reason"] else None,
        termination_detail=row["termination_detail"],
        state_reason=row["state_reason"],
        notices=row["notices"],
    )


def _ended_by(row: Mapping[str, Any]) -> str | None:
    """The view's word; which of a person's commands it was stands in the detail where that is kept."""
    by_hand = row["termination_reason"] == TerminationReason.OPERATOR_KILL.value and row["termination_detail"]
    return "a person" if by_hand else row["ended_by"]


def _duration(seconds: Decimal) -> timedelta:
    return timedelta(microseconds=int(seconds * 1_000_000))
