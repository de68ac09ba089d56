"""A pass of the reaper as text."""

from __future__ import annotations

from janitor.domain.states import ReapEvidence
from janitor.services.reap.passes import ReapReport
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line

_WHY = {
    ReapEvidence.OVERDUE: "past its deadline and grace",
    ReapEvidence.LEASE_EXPIRED: "its debug lease is over",
    ReapEvidence.VALIDATION_OVER: "its validation is over",
    ReapEvidence.OWNER_OVER: "what it belongs to is over",
    ReapEvidence.UNKNOWN_OWNER: "no validation is known that it works for",
    ReapEvidence.STOPPED: "stopped",
}


def reap_text(report: ReapReport) -> str:
    """The answer of `reap`: one line for each thing done, then the count."""
    if report.busy:
        return "Another pass of the reaper is under way; it does the same."
    would = "would be " if report.dry_run else ""

    def why(instance_id: str) -> str:
        evidence = report.evidence.get(instance_id)
        return f": {_WHY[evidence]}" if evidence else ""

    lines = [f"{UNKNOWN} {each}: not in the ledger, {would}taken into it" for each in report.adopted]
    later = "a later pass terminates it"
    lines += [f"{WAITING} {each}: {would}marked, {later}{why(each)}" for each in report.marked]
    lines += [f"{UNKNOWN} {each}: mark {would}cleared" for each in report.cleared]
    lines += [f"{WAITING} {each}: would be terminated{why(each)}" for each in report.would_terminate]
    lines += [f"{GOOD} {each}: terminated{why(each)}" for each in report.terminated]
    lines += [f"{BAD} {each}: still alive{why(each)}" for each in report.still_alive]
    lines += [f"{UNKNOWN} {each}: alive though its row had ended; {would}reopened" for each in report.reopened]
    lines += [f"{GOOD} {each}: timer in AWS {would}set" for each in report.timers_armed]
    lines += [f"{GOOD} {each}: notice {would}taken" for each in report.notices_taken]
    lines += [f"{GOOD} validation {each}: {would}recorded" for each in report.settled]
    lines += [f"{GOOD} run {each}: {would}closed" for each in report.runs_closed]
    lines += [f"{UNKNOWN} {one_line(each)}" for each in report.notes]
    lines += [f"{BAD} {one_line(each)}" for each in report.problems]
    counted = f"{report.looked_at} {'instance' if report.looked_at == 1 else 'instances'}"
    ended = len(report.would_terminate if report.dry_run else report.terminated)
    lines.append(f"Looked at {counted}; {ended} {would}terminated{'; dry run' if report.dry_run else ''}.")
    return "\n".join(lines)
