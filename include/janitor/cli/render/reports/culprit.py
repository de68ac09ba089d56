"""A search for a culprit, for people."""

from __future__ import annotations

from decimal import Decimal

from janitor.domain.culprit.culprit import Culprit, CulpritStep, spelled
from janitor.domain.culprit.minimize import Outcome
from janitor.domain.repair.proposal import Failure
from janitor.domain.result.provenance_changes import Changed, PartChange

_WORDS = {
    Outcome.GREEN: "✓ green",
    Outcome.RED: "✗ red",
    Outcome.OTHERWISE: "· says nothing",
    Outcome.UNTOLD: "? not judged",
}
_LONGEST_REASON = 120


def question_text(failure: Failure) -> str:
    """What is asked."""
    repeated = failure.repeated
    since = f"{failure.last_good_at:%Y-%m-%d %H:%M} UTC" if failure.last_good_at else "never, as far as is known"
    return (
        f"Repository: {repeated.plan.organization}/{repeated.plan.name}, commit {repeated.commit_sha[:12]}\n"
        f"Failure: {repeated.report.summary}\nLast green: {since}"
    )


def step_text(step: CulpritStep) -> str:
    """One experiment, in a line."""
    cost = "" if step.cost_usd is None else f", ${_money(step.cost_usd)}"
    reason = "" if step.outcome is Outcome.GREEN else f": {step.reason[:_LONGEST_REASON]}"
    return f"{step.number}. {spelled(step.put_back)} put back{cost}: {_WORDS[step.outcome]}{reason}"


def culprit_text(culprit: Culprit) -> str:
    """What came of it."""
    lines = [f"Culprit: {spelled(culprit.changes, most=20)}"] if culprit.is_found else ["Culprit: not found"]
    lines.append(f"Why: {culprit.reason}")
    if not culprit.is_found and culprit.changes:
        lines.append(f"Among: {spelled(culprit.changes, most=20)}")
    lines.append(f"Experiments: {len(culprit.steps)}, ${_money(culprit.cost_usd)}")
    if culprit.is_found and (pins := [_pin(each) for each in culprit.changes if _pin(each)]):
        lines.append(f"What worked: {' '.join(pins)}")
    return "\n".join(lines)


def _pin(change: PartChange) -> str:
    if change.before is None:
        return ""
    if change.part is Changed.PACKAGE:
        return f"{change.name}=={change.before}"
    return f"{change.name}@{change.before}" if change.part is Changed.BASE_IMAGE else f"Python {change.before}"


def _money(usd: Decimal) -> str:
    return f"{usd:.2f}"
