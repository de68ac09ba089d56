"""The time of instances, for scripts: the answer of `waste`."""

from __future__ import annotations

from typing import Any

from janitor.services.money.waste import UnexplainedTime, WasteReport


def waste_dict(report: WasteReport) -> dict[str, Any]:
    """Totals by phase, and what nothing explains."""
    return {
        "since": report.since.isoformat(),
        "instances": report.instances,
        "instances_without_price": report.instances_without_price,
        "total_seconds": report.total.duration.total_seconds(),
        "total_usd": str(report.total.usd),
        "phases": {
            phase.value: {"seconds": total.duration.total_seconds(), "usd": str(total.usd)}
            for phase, total in report.phases.items()
        },
        "unexplained": [_unexplained_dict(each) for each in report.unexplained],
    }


def _unexplained_dict(each: UnexplainedTime) -> dict[str, Any]:
    return {
        "instance_id": each.instance_id,
        "instance_type": each.instance_type,
        "origin": each.origin.value,
        "repository": each.repository_name,
        "run_id": str(each.run_id) if each.run_id else None,
        "pool": each.pool,
        "launched_at": each.launched_at.isoformat(),
        "stopped_at": each.stopped_at.isoformat() if each.stopped_at else None,
        "unexplained_seconds": each.unexplained.total_seconds(),
        "usd": str(each.usd) if each.usd is not None else None,
        "because": each.because,
        "ended_by": each.ended_by,
        "termination_reason": each.termination_reason.value if each.termination_reason else None,
        "termination_detail": each.termination_detail,
        "state_reason": each.state_reason,
        "notices": each.notices,
    }
