"""The failures of the last runs by cause, for scripts: the answer of `failures`."""

from __future__ import annotations

from typing import Any

from janitor.domain.result.history_views import FailureOccurrence, FailureReport


def failures_dict(report: FailureReport) -> dict[str, Any]:
    """One entry for each cause, with its repositories."""
    return {
        "runs": report.runs,
        "since": report.since.isoformat() if report.since else None,
        "failures": [
            {
                "signature": cluster.signature,
                "title": cluster.title,
                "status": cluster.status.value,
                "check": cluster.check,
                "reason_code": cluster.reason_code,
                "first_seen_at": cluster.first_seen_at.isoformat(),
                "last_seen_at": cluster.last_seen_at.isoformat(),
                "repositories": [_occurrence_dict(each) for each in cluster.occurrences],
            }
            for cluster in report.clusters
        ],
    }


def _occurrence_dict(each: FailureOccurrence) -> dict[str, Any]:
    return {
        "repository": each.repository,
        "run_id": str(each.run_id),
        "validation_id": str(each.validation_id),
        "finished_at": each.finished_at.isoformat(),
        "change": each.change.value if each.change else None,
        "failing_since": each.since_at.isoformat() if each.since_at else None,
        "times": each.times,
        "fixed_since": each.fixed_since,
        "proof_level": each.proof_level.value if each.proof_level else None,
        "note_count": each.note_count,
        "fixed_by": each.fixed_level.value if each.fixed_since and each.fixed_level else None,
    }
