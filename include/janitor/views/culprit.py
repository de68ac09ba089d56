"""What a search for a culprit came to, for scripts: the answer of `janitor culprit`."""

from __future__ import annotations

from typing import Any

from janitor.domain.culprit.culprit import Culprit, CulpritStep
from janitor.domain.repair.proposal import Failure
from janitor.domain.result.provenance_changes import PartChange


def culprit_dict(culprit: Culprit, failure: Failure) -> dict[str, Any]:
    """State, changes, reason, cost, and each step."""
    repeated = failure.repeated
    return {
        "repository": f"{repeated.plan.organization}/{repeated.plan.name}",
        "validation_id": str(repeated.validation_id),
        "commit_sha": repeated.commit_sha,
        "last_good_at": failure.last_good_at.isoformat() if failure.last_good_at else None,
        "state": culprit.state.value,
        "changes": [_change_dict(each) for each in culprit.changes],
        "reason": culprit.reason,
        "cost_usd": float(culprit.cost_usd),
        "steps": [step_dict(each) for each in culprit.steps],
    }


def step_dict(step: CulpritStep) -> dict[str, Any]:
    """One experiment."""
    return {
        "number": step.number,
        "put_back": [_change_dict(each) for each in step.put_back],
        "outcome": step.outcome.value,
        "reason": step.reason,
        "validation_id": str(step.validation_id) if step.validation_id else None,
        "cost_usd": None if step.cost_usd is None else float(step.cost_usd),
    }


def _change_dict(change: PartChange) -> dict[str, Any]:
    return {"part": change.part.value, "name": change.name, "before": change.before, "after": change.after}
