"""A run for GitHub: an annotation for each repository that isn't well, and a summary for the run's page."""

from __future__ import annotations

from datetime import datetime

from janitor.cli.render.reports.facts import blames_repository, full_name, title_of, verdict_of
from janitor.domain.states import ValidationStatus
from janitor.protocol.text.github import data, markdown, property_value
from janitor.services.report.documents import ReportedRun, ReportedValidation
from janitor.views.text.provenance import commit_text


def run_annotations(reported: ReportedRun, now: datetime) -> list[str]:
    """A workflow command for each repository: an error where it is at fault, a warning where that can't be told."""
    lines = []
    for each in reported.validations:
        if each.validation.status in (ValidationStatus.SUCCESS, ValidationStatus.CANCELLED):
            continue
        level = "error" if blames_repository(each) else "warning"
        lines.append(f"::{level} title={property_value(full_name(each))}::{data(_why(each, now))}")
    return lines


def run_summary(reported: ReportedRun, now: datetime) -> str:
    """A heading, then a table of all repositories, those that aren't well first."""
    well = sum(_is_well(each) for each in reported.validations)
    lines = [
        f"### Janitor: {markdown(title_of(reported))}: {well} of {len(reported.validations)} successful",
        "",
        "| | repository | result | commit | why |",
        "|---|---|---|---|---|",
        *(_row(each, now) for each in sorted(reported.validations, key=_is_well)),
        "",
    ]
    return "\n".join(lines) + "\n"


def _row(each: ReportedValidation, now: datetime) -> str:
    mark = "✅" if _is_well(each) else "❌" if blames_repository(each) else "⚠️"
    why = "" if _is_well(each) else markdown(each.validation.summary or each.validation.reason_code or "")
    cells = (full_name(each), verdict_of(each, now), commit_text(each.validation) or "")
    return f"| {mark} | {' | '.join(map(markdown, cells))} | {why} |"


def _why(each: ReportedValidation, now: datetime) -> str:
    return f"{verdict_of(each, now)}: {each.validation.summary or each.validation.reason_code or 'no reason is known'}"


def _is_well(each: ReportedValidation) -> bool:
    return each.validation.status is ValidationStatus.SUCCESS
