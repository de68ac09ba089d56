"""The verdict on one repository, and a run in a few words: for the log of a task and the note of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from janitor.domain.result.history_views import CheckView
from janitor.domain.states import RunStatus, ValidationStatus
from janitor.domain.views import RunView, ValidationView
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import CheckStatus
from janitor.views.text.causes import cause_of, reason_of
from janitor.views.text.differences import change_tag, counted_changes
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, one_line, words_of
from janitor.views.text.money import dollars
from janitor.views.text.proof import proof_lines
from janitor.views.text.provenance import commit_text, worker_text
from janitor.views.text.times import compactly
from janitor.views.verdict import verdict_text

_LONGEST_REASON = 160
_MARKS = {CheckStatus.PASS: GOOD, CheckStatus.FAIL: BAD}


def grounds(validation: ValidationView, checks: Sequence[CheckView], *, log_url: str | None) -> list[str]:
    """What a verdict stands on, in plain lines: checks, commit, cost, proof, and where the validator's log is.

    Args:
        validation: A final one.
        checks: Its checks, in their order; empty without a report.
        log_url: Where a browser finds the validator's log; None where there is no such place.
    """
    lines = []
    if checks:
        width = max(len(check.name) for check in checks)
        lines += ["Checks:", *(_check_line(check, width) for check in checks)]
    if validation.instance_id:
        lines.append(f"Instance: {validation.instance_id}")
    if worker := worker_text(validation.machine):
        lines.append(f"On {worker}")
    if commit := commit_text(validation):
        lines.append(f"Commit: {commit}")
    if validation.cost_usd is not None:
        so_far = "" if validation.cost_is_final else " so far; its instance is being ended"
        lines.append(f"Cost: {dollars(validation.cost_usd, validation.cost_places)}{so_far}")
    lines += proof_lines(validation)
    if log_url:
        lines.append(f"Log of the validator: {log_url}")
    return lines


def timed_verdict(validation: ValidationView, now: datetime) -> str:
    """`failed (1m20s, environment), 2 notes`: a verdict with the time that it took, where it has begun."""
    elapsed = validation.elapsed(now)
    return verdict_text(validation, *([compactly(elapsed)] if elapsed is not None else []))


def verdict_lines(validation: ValidationView, checks: Sequence[CheckView], now: datetime) -> list[str]:
    """The verdict itself, as the last lines of a log: status and cause; why at length, where no check says it."""
    name = one_line(f"{validation.organization}/{validation.repository_name}")
    lines = [f"{name}: {timed_verdict(validation, now)}{change_tag(validation.difference)}"]
    cause, reason = cause_of(validation), reason_of(validation)
    if reason and reason != cause and not checks:
        lines.append(f"Reason: {reason}")
    if cause:
        lines.append(f"Cause: {cause}")
    return lines


def _check_line(check: CheckView, width: int) -> str:
    mark = _MARKS.get(check.status, UNKNOWN)
    text = f"  {mark} {check.name:<{width}}  {check.duration.total_seconds():6.1f} s"
    if check.status is CheckStatus.PASS:
        return text
    said = check.status.value if check.required else f"{check.status.value}, not required"
    return f"{text}  {said}: {one_line(check.reason or check.reason_code or '', limit=_LONGEST_REASON)}"


def _levels(run: RunView) -> str:
    """` (environment)`, ` (1 image, 2 environment)`: how far the successes are proved."""
    proved = [each.proof_level for each in run.validations if each.status is ValidationStatus.SUCCESS]
    counts = {level: proved.count(level) for level in ProofLevel if level in proved}
    if len(counts) == 1:
        return f" ({next(iter(counts)).value})"
    return f" ({', '.join(f'{count} {level.value}' for level, count in counts.items())})" if counts else ""


def failure_lines(run: RunView) -> list[str]:
    """`broken-worker: failed (57s): handler.py:9: KeyError: 'large' [new]`, of each that isn't successful."""
    lines = []
    for each in run.validations:
        if each.status is ValidationStatus.SUCCESS:
            continue
        took = [compactly(each.execution_time)] if each.execution_time is not None else []
        name, cause = one_line(each.repository_name), cause_of(each)
        why = f": {cause}" if cause else ""
        lines.append(f"{name}: {verdict_text(each, *took)}{why}{change_tag(each.difference)}")
    return lines


def run_note(run: RunView) -> str:
    """`2/5 successful (image), $0.13, 2 new`, with the run's state where it isn't a matter of repositories."""
    said = [f"{run.successful}/{run.total_repositories} successful{_levels(run)}"]
    if run.cost_usd is not None:
        said.append(dollars(run.cost_usd, run.cost_places))
    said += counted_changes(run.validations)
    if run.status in (RunStatus.ERROR, RunStatus.CANCELLED):
        said.append(words_of(run.status))
    return ", ".join(said)
