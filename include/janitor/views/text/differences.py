"""What changed with a validation, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from janitor.domain.result.history_views import ChangeView, CheckChangeView
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.views import ValidationView
from janitor.views.text.causes import placed_title
from janitor.views.text.provenance import cause_text, changes_text, commit_text, worker_text
from janitor.views.text.times import instant


def change_lines(validation: ValidationView) -> list[str]:
    """The lines of `query-db` about commit, worker and a change; none where there is nothing to say."""
    commit, worker = commit_text(validation), worker_text(validation.machine)
    lines = [*([f"Commit: {commit}"] if commit else []), *([f"Machine: {worker}"] if worker else [])]
    difference = validation.difference
    if difference is not None:
        if said := _change(difference):
            lines.append(f"Change: {said}")
        if began := cause_text(difference.broken_with):
            lines.append(f"Began with: {began}")
        if changed := changes_text(difference.changes):
            lines.append(f"Changed: {changed}")
        if difference.flaky:
            lines.append("Flaky: its verdict turned over again and again in its last validations")
        if difference.checks:
            lines.append(f"Checks: {'; '.join(_check(check) for check in difference.checks)}")
    if validation.signature is not None:
        lines.append(f"Cause: {placed_title(validation) or 'unknown'} [{validation.signature}]")
    return lines


def change_tag(difference: ChangeView | None) -> str:
    """A change in few words for a line of results, such as `still failing since …`; empty where there is none."""
    if difference is None:
        return ""
    words = []
    since = f" since {instant(difference.since_at)}" if difference.since_at else ""
    if difference.change is Change.NEW:
        words.append("new")
    elif difference.change is Change.FIXED:
        words.append("fixed" if not _is_less(difference) else "fixed as far as less proof shows")
    elif difference.change is Change.STILL_FAILING:
        words.append(f"still failing{since}" + (", now for another cause" if difference.cause_changed else ""))
    elif difference.change is Change.INCONCLUSIVE and difference.outcome is Outcome.FAILED:
        words.append(f"failing{since}")
    if across := _across(difference):
        words.append(across)
    if difference.flaky:
        words.append("flaky")
    return f" [{'; '.join(words)}]" if words else ""


def changes_line(validations: Sequence[ValidationView]) -> str | None:
    """`Changes: 1 new, 2 fixed, 1 still failing`; None where nothing changed or failed."""
    said = counted_changes(validations)
    return f"Changes: {', '.join(said)}" if said else None


def counted_changes(validations: Sequence[ValidationView]) -> list[str]:
    """`1 new`, `2 fixed`, …: the changes that there are; what is compared across levels of proof is counted apart."""
    known = [each.difference for each in validations if each.difference is not None]
    counts = Counter((each.change, bool(_across(each))) for each in known)
    words = {Change.NEW: "new", Change.FIXED: "fixed", Change.STILL_FAILING: "still failing"}
    return [
        f"{counts[(change, across)]} {word}{' by another level of proof' if across else ''}"
        for change, word in words.items()
        for across in (False, True)
        if counts[(change, across)]
    ]


def _change(difference: ChangeView) -> str | None:
    said, across = _compared(difference), _across(difference)
    if across is None:
        return said
    return f"{said or 'passes as before'}; {across}"


def _across(change: ChangeView | CheckChangeView) -> str | None:
    """`proved by environment this time, by image before`; None where no two levels are compared."""
    level, previous = change.level, change.previous_level
    if level is None or previous is None or level is previous:
        return None
    return f"proved by {level.value} this time, by {previous.value} before"


def _is_less(change: ChangeView | CheckChangeView) -> bool:
    """Whether what it was compared with was proved further."""
    level, previous = change.level, change.previous_level
    return level is not None and previous is not None and level.rank < previous.rank


def _compared(difference: ChangeView) -> str | None:
    since = _mark(difference.since_at, difference.since_run_id)
    previous = _mark(difference.previous_at, difference.previous_run_id)
    if difference.change is Change.NEW:
        if not previous:
            return "broken in its first conclusive validation"
        return "; ".join(filter(None, (f"newly broken; it last passed {previous}", cause_text(difference.changes))))
    if difference.change is Change.FIXED:
        fixed = "fixed" if not _is_less(difference) else "fixed as far as less proof shows"
        return f"{fixed}; it had failed since {since}"
    if difference.change is Change.STILL_FAILING:
        text = f"still failing since {since}"
        if difference.cause_changed:
            return f"{text}; now for another cause"
        if difference.cause_since_at and difference.cause_since_at != difference.since_at:
            return f"{text}; for this cause since {_mark(difference.cause_since_at, difference.cause_since_run_id)}"
        return text
    if difference.change is Change.INCONCLUSIVE and difference.outcome is not None:
        stands = f"it fails since {since}" if difference.outcome is Outcome.FAILED else f"it last passed {previous}"
        return f"not known by this one; {stands}"
    return None


def _mark(at: datetime | None, run_id: UUID | None) -> str:
    return f"{instant(at)} (run {run_id})" if at is not None else ""


def _check(check: CheckChangeView) -> str:
    words = {
        Change.NEW: "new",
        Change.FIXED: "fixed",
        Change.STILL_FAILING: f"still failing since {instant(check.since_at)}",
    }
    notes = [*([across] if (across := _across(check)) else []), *(["flaky"] if check.flaky else [])]
    said = f"{check.check} {words.get(check.change, check.change.value)}"
    return f"{said} ({', '.join(notes)})" if notes else said
