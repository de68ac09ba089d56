"""Whole reports, for scripts: the answer of `report`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from janitor.services.report.documents import ReportedRun
from janitor.views.runs import run_dict, validation_dicts


def reports_dict(reported: ReportedRun, now: datetime) -> dict[str, Any]:
    """The run, or null where a repository was asked for, and each validation with the report as it was kept."""
    validations = validation_dicts([each.validation for each in reported.validations], now)
    run = None
    if reported.run is not None:
        run = {key: value for key, value in run_dict(reported.run, now).items() if key != "validations"}
    return {
        "run": run,
        "validations": [
            {
                **plain,
                "report": each.report.to_dict() if each.report is not None else None,
                "report_problem": each.problem,
            }
            for plain, each in zip(validations, reported.validations, strict=True)
        ],
    }
