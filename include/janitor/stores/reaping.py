"""The reaper's own tables, and what it asks of the others: marks, events, notices, and what was abandoned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.place import Place
from janitor.domain.reap.reaping import Mark
from janitor.domain.states import (
    InstanceState,
    NoticeKind,
    ReaperAction,
    ReapEvidence,
    RunKind,
    RunStatus,
)
from janitor.stores.database import Connection, name_lock
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord


@dataclass(frozen=True, kw_only=True)
class LedgerFact:
    """A ledger row, and whether its owner has ended."""

    record: InstanceRecord
    owner_is_over: bool
    """False where it has no owner, or one of whose end nothing is recorded."""


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """An instance that EC2 shows and the ledger lacks."""

    instance_id: str
    instance_type: str
    market: str
    availability_zone: str | None
    state: InstanceState
    tags: Mapping[str, str]
    launched_at: datetime
    deadline_at: datetime
    expires_at: datetime
    price_usd_hour: Decimal | None
    """On demand, which is the most that it can cost; None: unknown."""
    volume_gib: int
    volume_usd_gib_month: Decimal | None
    place: Place


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A run that isn't over in every respect."""

    run_id: UUID
    airflow_run_id: str
    status: RunStatus
    kind: RunKind = RunKind.PARALLEL


@contextmanager
def pass_lock(database_url: str, deployment: str) -> Iterator[bool]:
    """Hold the deployment's one place for a pass of the reaper; yields whether it was free.

    Raises:
        DatabaseError: Postgres can't be reached.
    """
    with name_lock(database_url, f"janitor-reaper/{deployment}", application_name="janitor-reaper") as free:
        yield free


def facts_of(connection: Connection, deployment: str, instance_ids: Sequence[str]) -> list[LedgerFact]:
    """What the ledger holds of these instances, and every intent of the deployment without an instance."""
    rows = named_queries().ledger_facts(connection, deployment=deployment, instance_ids=list(instance_ids))
    return [
        LedgerFact(record=InstanceRecord.from_row(row), owner_is_over=row["owner_ended_at"] is not None) for row in rows
    ]


def adopt(connection: Connection, deployment: str, adoption: Adoption) -> InstanceRecord | None:
    """Write a row for an instance that has none; None where one appeared meanwhile."""
    row = named_queries().adopt_instance(
        connection,
        deployment=deployment,
        client_token=f"adopted-{adoption.instance_id}",
        tags=Jsonb(dict(adoption.tags)),
        instance_id=adoption.instance_id,
        instance_type=adoption.instance_type,
        market=adoption.market,
        availability_zone=adoption.availability_zone,
        state=adoption.state.value,
        launched_at=adoption.launched_at,
        deadline_at=adoption.deadline_at,
        expires_at=adoption.expires_at,
        price_usd_hour=adoption.price_usd_hour,
        volume_gib=adoption.volume_gib,
        volume_usd_gib_month=adoption.volume_usd_gib_month,
        place=adoption.place.key,
    )
    return InstanceRecord.from_row(row) if row else None


def claim_for_end(connection: Connection, ledger_id: int, now: datetime) -> bool:
    """Lock a row for its end until the transaction's; False where a debug lease holds it."""
    return named_queries().claim_for_end(connection, ledger_id=ledger_id, now=now) is not None


def marks_of(connection: Connection, deployment: str) -> dict[str, Mark]:
    """The first strikes that are kept, by instance id."""
    return {
        row["instance_id"]: Mark(evidence=ReapEvidence(row["evidence"]), first_seen_at=row["first_seen_at"])
        for row in named_queries().reap_marks(connection, deployment=deployment)
    }


def keep_mark(connection: Connection, deployment: str, instance_id: str, evidence: ReapEvidence) -> None:
    """Keep a strike; evidence other than before begins anew."""
    named_queries().keep_mark(connection, deployment=deployment, instance_id=instance_id, evidence=evidence.value)


def clear_mark(connection: Connection, deployment: str, instance_id: str) -> None:
    """Forget the strikes of an instance."""
    named_queries().clear_mark(connection, deployment=deployment, instance_id=instance_id)


def clear_marks_except(connection: Connection, deployment: str, instance_ids: Sequence[str]) -> None:
    """Forget the strikes of every instance but these, which are alive."""
    named_queries().clear_marks_except(connection, deployment=deployment, instance_ids=list(instance_ids))


def add_event(
    connection: Connection,
    deployment: str,
    action: ReaperAction,
    *,
    instance_id: str | None = None,
    subject: str | None = None,
    evidence: ReapEvidence | None = None,
    detail: str | None = None,
) -> None:
    """Keep what the reaper did."""
    named_queries().add_reaper_event(
        connection,
        deployment=deployment,
        action=action.value,
        instance_id=instance_id,
        subject=subject,
        evidence=evidence.value if evidence else None,
        detail=detail,
    )


def notice_keys_since(connection: Connection, deployment: str, since: datetime) -> frozenset[str]:
    """Storage keys of the notices that were taken since an instant."""
    rows = named_queries().notice_keys_since(connection, deployment=deployment, since=since)
    return frozenset(row["storage_key"] for row in rows)


def recent_spot_warnings(connection: Connection, deployment: str, since: datetime) -> dict[str, str]:
    """Spot warnings that were taken since an instant: storage key → instance id."""
    rows = named_queries().recent_spot_warnings(connection, deployment=deployment, since=since)
    return {row["storage_key"]: row["instance_id"] for row in rows}


def insert_notice(
    connection: Connection,
    *,
    storage_key: str,
    deployment: str,
    kind: NoticeKind,
    instance_id: str,
    noticed_at: datetime,
    detail: Mapping[str, Any],
) -> bool:
    """Keep a notice; False where it was taken before."""
    changed = named_queries().insert_notice(
        connection,
        storage_key=storage_key,
        deployment=deployment,
        kind=kind.value,
        instance_id=instance_id,
        noticed_at=noticed_at,
        detail=Jsonb(dict(detail)),
    )
    return bool(changed)


def abandoned_validations(connection: Connection, deployment: str, expired_before: datetime) -> list[tuple[UUID, str]]:
    """Validations without a final state whose time was over before an instant and that have no live instance."""
    rows = named_queries().abandoned_validations(connection, deployment=deployment, expired_before=expired_before)
    return [(row["validation_id"], row["repository_name"]) for row in rows]


def open_runs(connection: Connection, deployment: str) -> list[OpenRun]:
    """Runs that are running or that have a validation without a final state, oldest first."""
    return [
        OpenRun(
            run_id=row["run_id"],
            airflow_run_id=row["airflow_run_id"],
            status=RunStatus(row["status"]),
            kind=RunKind(row["kind"]),
        )
        for row in named_queries().open_runs(connection, deployment=deployment)
    ]
