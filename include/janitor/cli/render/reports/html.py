"""Reports as one HTML page: nothing is loaded from anywhere, and nothing that a repository wrote is markup.

Everything that the template prints passes `protocol.text.plain_text` and is then escaped by Jinja, whoever wrote it;
the page's own policy forbids scripts and every request besides.
"""

from __future__ import annotations

from datetime import datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from janitor.cli.render.reports import facts
from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import CheckStatus
from janitor.protocol.text.plain_text import plain
from janitor.services.report.documents import ReportedRun, ReportedValidation
from janitor.views.text.differences import change_lines
from janitor.views.text.marks import mark_of
from janitor.views.text.times import instant

_TEMPLATE = "report.html.j2"


def reports_html(reported: ReportedRun, now: datetime) -> str:
    """The whole page."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    template = environment.from_string((resources.files(__package__) / _TEMPLATE).read_text(encoding="utf-8"))
    page: str = template.render(
        title=facts.title_of(reported),
        made=instant(now),
        run=facts.run_facts(reported, now),
        repositories=[_repository(number, each, now) for number, each in enumerate(reported.validations, start=1)],
    )
    return page


def _harmless(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def _repository(number: int, each: ReportedValidation, now: datetime) -> dict[str, Any]:
    report = each.report
    changes = (line.split(": ", 1) for line in change_lines(each.validation))
    return {
        "anchor": f"repository-{number}",
        "name": facts.full_name(each),
        "mark": mark_of(each.validation.status),
        "status": each.validation.status.value,
        "verdict": facts.verdict_of(each, now),
        "facts": [*facts.validation_facts(each), *((name, value) for name, value in changes)],
        "missing": facts.without_report(each),
        "checks": [_check(check) for check in report.checks] if report is not None else [],
        "notes": facts.told_lines(report.notes) if report is not None else [],
        "unproven": facts.told_lines(report.unproven) if report is not None else [],
    }


def _check(check: Check) -> dict[str, Any]:
    """A check; what it saw only where it wasn't a pass."""
    evidence = check.evidence if check.status is not CheckStatus.PASS else ()
    return {
        "mark": facts.check_mark(check),
        "name": check.name,
        "status": check.status.value,
        "took": f"{check.duration_seconds:.1f} s",
        "reason": facts.check_reason(check),
        "evidence": [{"name": each.name, "tail": each.tail} for each in evidence if each.tail.strip()],
    }
