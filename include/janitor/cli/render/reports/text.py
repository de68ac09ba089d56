"""Reports as plain text: the answer of `report`."""

from __future__ import annotations

from datetime import datetime

from janitor.cli.render.reports.facts import (
    check_mark,
    check_reason,
    full_name,
    run_facts,
    told_lines,
    validation_facts,
    verdict_of,
    without_report,
)
from janitor.protocol.report import Check, Report
from janitor.services.report.documents import ReportedRun, ReportedValidation
from janitor.views.text.differences import change_lines
from janitor.views.text.marks import mark_of, one_line


def reports_text(reported: ReportedRun, now: datetime) -> str:
    """The run in a few lines, then each repository: verdict, commit, cause, every check, notes, what is unproven."""
    head = [f"{name}: {value}" for name, value in run_facts(reported, now)]
    blocks = ["\n".join(_block(each, now)) for each in reported.validations]
    return "\n\n".join(filter(None, ["\n".join(head), *blocks]))


def _block(each: ReportedValidation, now: datetime) -> list[str]:
    lines = [
        f"Repository: {full_name(each)}",
        f"Verdict: {mark_of(each.validation.status)} {verdict_of(each, now)}",
        *(f"{name}: {value}" for name, value in validation_facts(each)),
        *change_lines(each.validation),
    ]
    if each.report is None:
        return [*lines, without_report(each) or ""]
    return [*lines, *_found(each.report)]


def _found(report: Report) -> list[str]:
    lines = [f"Engine: {report.engine.value}"] if report.engine is not None else []
    lines.append("Every check:" if report.checks else "No check was made.")
    width = max((len(check.name) for check in report.checks), default=0)
    lines += [_check_line(check, width) for check in report.checks]
    for title, told in (("Notes:", told_lines(report.notes)), ("Not proven:", told_lines(report.unproven))):
        if told:
            lines += [title, *(f"  {line}" for line in told)]
    return lines


def _check_line(check: Check, width: int) -> str:
    reason = check_reason(check)
    took = f"{check.duration_seconds:.1f}s"
    return f"  {check_mark(check)} {one_line(check.name).ljust(width)}  {took:>7}{f'  {reason}' if reason else ''}"
