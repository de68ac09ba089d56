"""The causes of a run with their evidence: one short transaction of the role that only reads, or a caller's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.evidence.acknowledgement import Acknowledgement
from janitor.domain.evidence.cause import BrokenRepository, Cause, CauseGroup, Causes, cause_key
from janitor.domain.evidence.log_excerpt import excerpt_of
from janitor.domain.result.report_diff import Change
from janitor.domain.snapshot.snapshot import DeploymentSnapshot
from janitor.domain.states import ValidationStatus
from janitor.services.snapshot.take import PATIENCE
from janitor.settings import Settings
from janitor.stores.database import Connection, transaction
from janitor.stores.standing import acknowledgements
from janitor.stores.standing import evidence as store
from janitor.stores.standing.evidence import BrokenRow, Counted

MOST_CAUSES = 40
"""So many are told of with their evidence; a night with more is one of a cause that isn't theirs."""
COUNTED_WITHIN = timedelta(days=90)
"""What a cause cost before that isn't added up: no question may grow with the age of the tables."""


def causes_of(settings: Settings, run_id: UUID) -> Causes:
    """What broke in a run, each cause once, with all that is known of it.

    Args:
        settings: Of the deployment.
        run_id: Of a run that is over, or goes on.

    Raises:
        DatabaseError: Postgres can't be used, or doesn't answer within seconds.
    """
    with transaction(settings.reader_url, within=PATIENCE) as connection:
        return read_causes(connection, settings.deployment, run_id, datetime.now(timezone.utc))


def causes_of_snapshot(settings: Settings, snapshot: DeploymentSnapshot) -> Causes:
    """The causes of the run that a snapshot's news are of. Raises as `causes_of`."""
    return Causes() if snapshot.last_run is None else causes_of(settings, snapshot.last_run.run_id)


def read_causes(connection: Connection, deployment: str, run_id: UUID, now: datetime) -> Causes:
    """The same within a caller's transaction."""
    grouped: defaultdict[tuple[bool, str], list[BrokenRow]] = defaultdict(list)
    for row in store.broken_of_run(connection, run_id):
        grouped[(_is_told(row), _key(row))].append(row)
    ordered = sorted(grouped.values(), key=lambda rows: (_rank(_group(rows)), -len(rows), _key(rows[0])))
    chosen = ordered[:MOST_CAUSES]
    causes = _acknowledged(connection, deployment, [_cause(rows) for rows in chosen], now)
    causes = _with_costs(connection, deployment, causes, now)
    checks = store.deciding_checks(connection, [each.example.validation_id for each in causes])
    return Causes(
        causes=tuple(
            replace(each, reason=check.reason or each.reason, log=excerpt_of(check.reason or "", check.evidence))
            if (check := checks.get(each.example.validation_id)) is not None
            else each
            for each in causes
        ),
        left_out=len(ordered) - len(chosen),
    )


def _acknowledged(connection: Connection, deployment: str, causes: Sequence[Cause], now: datetime) -> list[Cause]:
    known = acknowledgements.acknowledgements_of(connection, deployment, [each.key for each in causes])
    return [
        replace(
            cause, repositories=tuple(_known(cause, one, known.get(cause.key, ()), now) for one in cause.repositories)
        )
        for cause in causes
    ]


def _known(cause: Cause, one: BrokenRepository, said: Sequence[Acknowledgement], now: datetime) -> BrokenRepository:
    broke_at = one.first_bad.at if one.first_bad is not None else None
    holding = (
        each
        for each in said
        if each.holds(cause.key, one.repository, broke_at=broke_at, commit_sha=one.commit_sha, now=now)
    )
    return replace(one, acknowledged=next(holding, None))


def _with_costs(connection: Connection, deployment: str, causes: Sequence[Cause], now: datetime) -> list[Cause]:
    oldest = now - COUNTED_WITHIN
    wanted = []
    for cause in causes:
        for one in cause.repositories:
            began = one.first_bad.at if one.first_bad is not None else now - timedelta(days=1)
            wanted.append(
                Counted(
                    organization=one.organization,
                    repository_name=one.repository_name,
                    signature=cause.signature,
                    since=max(began, oldest),
                    is_whole=began >= oldest,
                )
            )
    spent = iter(store.spent_on(connection, deployment, wanted, now))
    return [
        replace(cause, repositories=tuple(replace(one, spent=next(spent)) for one in cause.repositories))
        for cause in causes
    ]


def _cause(rows: Sequence[BrokenRow]) -> Cause:
    # Whoever broke last tells most: its log is at hand, and its change is the one to look at.
    rows = sorted(rows, key=lambda row: (not row.repository.is_new, _age(row), row.repository.repository))
    first = rows[0]
    return Cause(
        key=_key(first),
        signature=first.signature,
        title=first.title,
        group=_group(rows),
        repositories=tuple(row.repository for row in rows),
        check=first.check,
        reason=first.reason,
        log=None,
    )


def _age(row: BrokenRow) -> float:
    """The later the less; those of one night are the same."""
    bad = row.repository.first_bad
    return 0.0 if bad is None or row.repository.is_new else -bad.at.timestamp()


def _key(row: BrokenRow) -> str:
    return cause_key(row.signature, row.repository.repository, row.title)


def _is_told(row: BrokenRow) -> bool:
    return row.change in (Change.NEW, Change.STILL_FAILING) or (
        row.change is None and row.repository.status is ValidationStatus.FAILED
    )


def _group(rows: Sequence[BrokenRow]) -> CauseGroup:
    if not _is_told(rows[0]):
        return CauseGroup.UNTOLD
    is_new = any(row.repository.is_new or row.change is None for row in rows)
    return CauseGroup.NEW if is_new else CauseGroup.STILL_FAILING


def _rank(group: CauseGroup) -> int:
    return list(CauseGroup).index(group)
