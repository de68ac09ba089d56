"""What changed with a validation, for scripts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from janitor.domain.result.history_views import ChangeView, CheckChangeView
from janitor.domain.result.report_diff import Change


def difference_dict(difference: ChangeView | None) -> dict[str, Any] | None:
    """The change, what it is compared with, and the checks that changed; None where nothing is known."""
    if difference is None:
        return None
    return {
        "change": difference.change.value,
        "stands": difference.outcome.value if difference.outcome else None,
        "since": _mark_dict(difference.since_at, difference.since_run_id),
        "previous": _mark_dict(difference.previous_at, difference.previous_run_id),
        "cause_changed": difference.cause_changed,
        "cause_since": _mark_dict(difference.cause_since_at, difference.cause_since_run_id),
        "flaky": difference.flaky,
        **_levels_dict(difference),
        "changes": difference.changes.to_dict() if difference.changes else None,
        "broken_with": difference.broken_with.to_dict() if difference.broken_with else None,
        "checks": {
            change.value: [_check_dict(check) for check in difference.checks if check.change is change]
            for change in (Change.NEW, Change.FIXED, Change.STILL_FAILING)
        },
    }


def _check_dict(check: CheckChangeView) -> dict[str, Any]:
    since = _mark_dict(check.since_at, check.since_run_id)
    return {"check": check.check, "since": since, "flaky": check.flaky, **_levels_dict(check)}


def _levels_dict(change: ChangeView | CheckChangeView) -> dict[str, str | None]:
    """The levels of proof of what is compared; None where it is the same at every level, or isn't known."""
    level, previous = change.level, change.previous_level
    return {
        "proof_level": level.value if level else None,
        "previous_proof_level": previous.value if previous else None,
    }


def _mark_dict(at: datetime | None, run_id: UUID | None) -> dict[str, str] | None:
    return {"at": at.isoformat(), "run_id": str(run_id)} if at is not None else None
