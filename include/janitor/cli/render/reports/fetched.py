"""Fetched reports as text: the answer of `fetch-report`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from janitor.cli.render.names import shown_names
from janitor.cli.render.runs.runs import overall_line, result_line, sequential_lines
from janitor.services.report.fetch import FetchedRun, file_names
from janitor.views.text.marks import BAD, one_line


def fetched_text(fetched: FetchedRun, target: Path, now: datetime) -> str:
    """A line for each report: how its repository ended, and where it is or why there is none."""
    run, names, files = fetched.run, shown_names(fetched.run.validations), file_names(fetched.reports)
    lines = [f"Run ID: {run.run_id}"]
    for each in fetched.reports:
        view = each.validation
        lines.append(result_line(view, now, names[view.validation_id], places=run.cost_places))
        if each.problem is not None:
            lines.append(f"  {BAD} {one_line(each.problem)}")
        elif each.content is not None:
            lines.append(f"  {one_line(str(target / files[view.validation_id]))} ({len(each.content):,} bytes)")
    written = sum(each.problem is None for each in fetched.reports)
    count = f"{written}/{len(fetched.reports)} reports are in {one_line(str(target))}"
    return "\n".join([*lines, "", *sequential_lines(run), overall_line(run), count])
