"""Causes with their evidence, for scripts and pages; what is said of them in words stands beside the data."""

from __future__ import annotations

from typing import Any

from janitor.domain.evidence.cause import BrokenRepository, Cause, Causes, Sight, Spent
from janitor.views.text.evidence import (
    acknowledged_text,
    between_url,
    finding_texts,
    onset_texts,
    spent_text,
    verdict_text,
)
from janitor.views.text.reproduce import reproduce_lines

MOST_REPOSITORIES = 50
"""Of one cause; how many there are is told beside them."""


def causes_dicts(causes: Causes, environment: str) -> list[dict[str, Any]]:
    """One entry for each cause, in the order in which they are to be looked at."""
    return [_cause_dict(each, environment) for each in causes.causes]


def _cause_dict(cause: Cause, environment: str) -> dict[str, Any]:
    return {
        "key": cause.key,
        "signature": cause.signature,
        "title": cause.title,
        "group": cause.group.value,
        "check": cause.check,
        "reason": cause.reason,
        "verdict": cause.verdict.value,
        "verdict_text": verdict_text(cause),
        "is_silent": cause.is_silent,
        "spent": _spent_dict(cause.spent),
        "spent_text": spent_text(cause.spent),
        "log": None
        if cause.log is None
        else {"name": cause.log.name, "lines": list(cause.log.lines), "telling": cause.log.telling},
        "reproduce": reproduce_lines(cause.example, environment),
        "repository_count": len(cause.repositories),
        "repositories": [_repository_dict(each) for each in cause.repositories[:MOST_REPOSITORIES]],
    }


def _repository_dict(one: BrokenRepository) -> dict[str, Any]:
    changes = one.onset.changes
    return {
        "organization": one.organization,
        "repository_name": one.repository_name,
        "run_id": str(one.run_id),
        "validation_id": str(one.validation_id),
        "status": one.status.value,
        "is_new": one.is_new,
        "commit_sha": one.commit_sha,
        "verdict": one.verdict.value,
        "findings": [
            {"question": question.value, "answer": answer.value, "text": text}
            for (question, answer), text in zip(one.findings.items(), finding_texts(one), strict=True)
        ],
        "last_good": _sight_dict(one.last_good),
        "first_bad": _sight_dict(one.first_bad),
        "compared_with": _sight_dict(one.compared_with),
        "onset_texts": onset_texts(one),
        "compare_url": between_url(one),
        "changes": None if changes is None else changes.to_dict(),
        "images": [{"reference": image.reference, "digest": image.digest} for image in one.images],
        "spent": _spent_dict(one.spent),
        "acknowledged": None
        if one.acknowledged is None
        else {"reason": one.acknowledged.reason, "text": acknowledged_text(one.acknowledged)},
    }


def _sight_dict(sight: Sight | None) -> dict[str, Any] | None:
    if sight is None:
        return None
    return {"at": sight.at.isoformat(), "run_id": str(sight.run_id), "commit_sha": sight.commit_sha}


def _spent_dict(spent: Spent) -> dict[str, Any]:
    return {"runs": spent.runs, "usd": None if spent.usd is None else str(spent.usd), "is_whole": spent.is_whole}
