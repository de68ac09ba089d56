"""The rows that tell of causes: one run's, and for each of its repositories those that are named by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from janitor.domain.errors import DatabaseError
from janitor.domain.evidence.cause import BrokenRepository, Image, Sight, Spent
from janitor.domain.evidence.links import bare_url
from janitor.domain.evidence.verdict import Onset
from janitor.domain.result.provenance_changes import ProvenanceChanges
from janitor.domain.result.report_diff import Change
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.statuses import Engine
from janitor.protocol.values import Place
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

_STORED = Place("", DatabaseError)


@dataclass(frozen=True, kw_only=True)
class BrokenRow:
    """A repository that isn't well, with what names its cause."""

    repository: BrokenRepository
    signature: str | None
    title: str
    check: str | None
    reason: str | None
    change: Change | None


@dataclass(frozen=True, kw_only=True)
class DecidingCheck:
    """What the check that decided said, and its evidence as it was kept."""

    reason: str | None
    evidence: Any


def broken_of_run(connection: Connection, run_id: UUID) -> list[BrokenRow]:
    """What of a run isn't well, by name; what that has cost isn't known yet."""
    rows = list(named_queries().cause_rows(connection, run_id=run_id))
    images: defaultdict[UUID, list[Image]] = defaultdict(list)
    ids = [row["validation_id"] for row in rows]
    for row in named_queries().base_images_of(connection, validation_ids=ids):
        images[row["validation_id"]].append(Image(reference=row["reference"], digest=row["digest"]))
    return [_broken(row, images.get(row["validation_id"], [])) for row in rows]


def deciding_checks(connection: Connection, validation_ids: Sequence[UUID]) -> dict[UUID, DecidingCheck]:
    """By validation; one without a report, or without a check that decided, has no entry."""
    rows = named_queries().deciding_checks(connection, validation_ids=list(validation_ids))
    return {row["validation_id"]: DecidingCheck(reason=row["reason"], evidence=row["evidence"]) for row in rows}


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Whose failures are to be added up, and since when."""

    organization: str
    repository_name: str
    signature: str | None
    since: datetime
    is_whole: bool
    """Whether it didn't begin before that."""


def spent_on(connection: Connection, deployment: str, wanted: Sequence[Counted], until: datetime) -> list[Spent]:
    """What each has cost, in their order."""
    rows = named_queries().spent_on_causes(
        connection,
        deployment=deployment,
        organizations=[each.organization for each in wanted],
        names=[each.repository_name for each in wanted],
        signatures=[each.signature for each in wanted],
        since=[each.since for each in wanted],
        until=until,
    )
    return [
        Spent(runs=row["runs"], usd=row["usd"], is_whole=row["is_whole"] and each.is_whole)
        for each, row in zip(wanted, rows, strict=True)
    ]


def _broken(row: Mapping[str, Any], images: Sequence[Image]) -> BrokenRow:
    change = Change(row["change"]) if row["change"] else None
    return BrokenRow(
        repository=BrokenRepository(
            organization=row["organization"],
            repository_name=row["repository_name"],
            validation_id=row["validation_id"],
            run_id=row["run_id"],
            status=ValidationStatus(row["status"]),
            is_new=change is Change.NEW or row["cause_changed"],
            url=bare_url(row["url"]),
            commit_sha=row["commit_sha"],
            engine=Engine(row["engine"]) if row["engine"] else None,
            gpu_required=row["gpu_required"],
            dockerfile=row["dockerfile"],
            images=images,
            last_good=_sight(row, "good"),
            first_bad=_sight(row, "bad"),
            compared_with=_sight(row, "before"),
            onset=Onset(
                changes=ProvenanceChanges.read(row["changes"], _STORED) if row["changes"] is not None else None,
                images_compared=row["images_compared"],
                packages_compared=row["packages_compared"],
                flaky=row["flaky"],
                verdicts=row["verdicts"],
            ),
            spent=Spent(),
        ),
        signature=row["signature"],
        title=row["title"] or row["status_summary"] or row["status"],
        check=row["failing_check"],
        reason=row["status_summary"],
        change=change,
    )


def _sight(row: Mapping[str, Any], which: str) -> Sight | None:
    if row[f"{which}_validation_id"] is None:
        return None
    return Sight(
        at=row[f"{which}_at"],
        run_id=row[f"{which}_run_id"],
        validation_id=row[f"{which}_validation_id"],
        commit_sha=row[f"{which}_commit"],
    )
