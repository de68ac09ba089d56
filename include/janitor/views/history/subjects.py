"""A run's instances and a repository, for the pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from janitor.protocol.report import Check, Report
from janitor.protocol.text.plain_text import plain
from janitor.services.report.repository_page import Health, RepositoryPage
from janitor.services.report.timelines import Timeline
from janitor.views.runs import validation_dicts

LINES_OF_EVIDENCE = 20
"""Of each piece, from its end."""


def timeline_dicts(timelines: Sequence[Timeline]) -> list[dict[str, Any]]:
    """In the order given."""
    return [
        {
            "instance_id": each.instance_id,
            "instance_type": each.instance_type,
            "market": each.market,
            "availability_zone": each.availability_zone,
            "state": each.state.value,
            "repository": each.repository_name,
            "intent_at": _instant(each.intent_at),
            "launched_at": _instant(each.launched_at),
            "command_started_at": _instant(each.command_started_at),
            "command_ended_at": _instant(each.command_ended_at),
            "end_asked_at": _instant(each.end_asked_at),
            "ended_at": _instant(each.ended_at),
            "cost_usd": None if each.total_usd is None else str(each.total_usd),
            "placement": each.placement.value if each.placement else None,
            "aws_code": each.aws_code,
            "round": each.round,
            "termination_reason": each.termination_reason.value if each.termination_reason else None,
            "ended_by": each.ended_by,
        }
        for each in timelines
    ]


def repository_dict(page: RepositoryPage, now: datetime) -> dict[str, Any]:
    """Its health, its validations, and the checks of the newest one's report."""
    return {
        "health": None if page.health is None else _health_dict(page.health),
        "validations": validation_dicts(page.validations, now),
        "checks": _check_dicts(page.report),
    }


def _health_dict(health: Health) -> dict[str, Any]:
    return {
        "validations": health.validations,
        "successes": health.successes,
        "flaky_rate": None if health.flaky_rate is None else float(health.flaky_rate),
        "not_successful_since": _instant(health.not_successful_since),
    }


def _check_dicts(report: Report | None) -> list[dict[str, Any]]:
    return [] if report is None else [_check_dict(each) for each in report.checks]


def _check_dict(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "status": check.status.value,
        "required": check.required,
        "reason": None if check.reason is None else plain(check.reason),
        "seconds": check.duration_seconds,
        "evidence": [
            {
                "kind": each.kind.value,
                "name": plain(each.name),
                "lines": plain(each.tail).rstrip("\n").split("\n")[-LINES_OF_EVIDENCE:],
            }
            for each in check.evidence
            if each.tail.strip()
        ],
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
