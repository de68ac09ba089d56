"""The failures of the last runs by cause, whichever repositories they hit. Uses the role that only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from janitor.domain.result.history_views import FailureCluster, FailureOccurrence, FailureReport
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.states import ValidationStatus
from janitor.services.report.details import level_of
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

_Row = Mapping[str, Any]


def failure_report(settings: Settings, runs: int) -> FailureReport:
    """Cluster what was no success in the last runs by its signature.

    Args:
        settings: Of the deployment.
        runs: How many runs to look at, the newest first; at least 1.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    queries = named_queries()
    with transaction(settings.reader_url) as connection:
        looked_at = queries.last_runs(connection, deployment=settings.deployment, runs=max(runs, 1))
        rows: list[_Row] = list(
            queries.failures_of_last_runs(connection, deployment=settings.deployment, runs=max(runs, 1))
        )
    clustered: defaultdict[tuple[object, ...], list[_Row]] = defaultdict(list)
    for row in rows:
        # Without a signature, what was kept of the cause has to do.
        cause = row["signature"] or (row["check_name"], row["reason_code"])
        clustered[(cause, row["status"])].append(row)
    clusters = [_cluster(rows) for rows in clustered.values()]
    clusters.sort(
        key=lambda each: (
            not each.blames_repository,
            -len(each.occurrences),
            -each.last_seen_at.timestamp(),
            each.title,
        )
    )
    return FailureReport(runs=looked_at["runs"], since=looked_at["since"], clusters=tuple(clusters))


def _cluster(rows: Sequence[_Row]) -> FailureCluster:
    latest = rows[0]
    by_repository: defaultdict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        by_repository[(row["organization"], row["repository_name"])].append(row)
    occurrences = [_occurrence(rows) for rows in by_repository.values()]
    return FailureCluster(
        signature=latest["signature"],
        status=ValidationStatus(latest["status"]),
        check=latest["check_name"],
        reason_code=latest["reason_code"],
        title=latest["title"],
        first_seen_at=min(row["finished_at"] for row in rows),
        last_seen_at=latest["finished_at"],
        occurrences=tuple(sorted(occurrences, key=lambda each: each.repository)),
    )


def _occurrence(rows: Sequence[_Row]) -> FailureOccurrence:
    latest = rows[0]
    return FailureOccurrence(
        organization=latest["organization"],
        repository_name=latest["repository_name"],
        run_id=latest["run_id"],
        validation_id=latest["validation_id"],
        finished_at=latest["finished_at"],
        change=Change(latest["change"]) if latest["change"] else None,
        since_at=latest["since_at"],
        times=len(rows),
        proof_level=level_of(latest["proof_level"]),
        note_count=latest["note_count"] or 0,
        level=level_of(latest["difference_proof_level"]),
        fixed_level=level_of(latest["stands_by"]),
        fixed_since=latest["stands"] == Outcome.PASSED.value and latest["status"] == ValidationStatus.FAILED.value,
    )
