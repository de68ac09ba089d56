"""The time of instances as text: the answer of `waste`."""

from __future__ import annotations

from datetime import timedelta

from janitor.domain.money.costs import InstancePhase
from janitor.domain.money.places import places_for
from janitor.domain.watch.sequential import works_for
from janitor.services.money.waste import PhaseTotal, UnexplainedTime, WasteReport
from janitor.views.text.marks import BAD, GOOD, one_line
from janitor.views.text.money import dollars
from janitor.views.text.times import compactly, instant

_WORDS = {
    InstancePhase.BOOT: "boot",
    InstancePhase.BUILD: "build",
    InstancePhase.TEST: "test",
    InstancePhase.IDLE: "idle",
    InstancePhase.AFTER_FINISH: "after the finish",
    InstancePhase.KEPT: "kept by a debug lease",
    InstancePhase.IN_PROGRESS: "still in progress",
    InstancePhase.UNEXPLAINED: "unexplained",
}


def waste_text(report: WasteReport) -> str:
    """Time and dollars by phase, then a line for each instance with unexplained time."""
    if not report.instances:
        return f"No instance was launched since {instant(report.since)}."
    count = f"{report.instances} {'instance' if report.instances == 1 else 'instances'}"
    lines = [f"{count} since {instant(report.since)}", ""]
    places = places_for([total.usd for total in report.phases.values()], report.total.usd)
    lines += [_phase_line(_WORDS[phase], total, report.total, places) for phase, total in report.phases.items()]
    lines.append(_phase_line("total", report.total, report.total, places))
    if report.instances_without_price:
        lines.append(f"The price of {report.instances_without_price} of them is not known; their dollars are missing.")
    if not report.unexplained:
        return "\n".join([*lines, "", f"{GOOD} every instance-second is explained"])
    return "\n".join([*lines, "", "Unexplained:", *(_unexplained_line(each) for each in report.unexplained)])


def _phase_line(name: str, part: PhaseTotal, whole: PhaseTotal, places: int) -> str:
    share = part.duration / whole.duration if whole.duration else 0
    return f"  {name:<22} {compactly(part.duration):>12} {share:>7.1%} {dollars(part.usd, places):>10}"


def _whose(each: UnexplainedTime) -> str:
    if each.pool:
        return f"pool {each.pool}"
    return works_for(each.repository_name, each.run_id) if each.repository_name or each.run_id else "no repository"


def _unexplained_line(each: UnexplainedTime) -> str:
    money = f", {dollars(each.usd)}" if each.usd is not None else ""
    parts = [
        f"{BAD} {each.instance_id or 'no id'} ({each.instance_type}) of {_whose(each)}:"
        f" {_length(each.unexplained)}{money}",
        each.because,
    ]
    if each.stopped_at is None:
        parts.append(f"alive since {instant(each.launched_at)}")
    else:
        reason = f" ({each.termination_reason.value})" if each.termination_reason else ""
        parts.append(f"ended {instant(each.stopped_at)} by {each.ended_by or 'somebody unknown'}{reason}")
    parts += [each.termination_detail, each.state_reason, each.notices]
    parts.append(f"run {each.run_id}" if each.run_id else None)
    return "; ".join(one_line(part) for part in parts if part)


def _length(duration: timedelta) -> str:
    return compactly(duration) if duration >= timedelta(seconds=1) else "less than 1s"
