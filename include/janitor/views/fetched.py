"""Fetched reports, for scripts: the answer of `fetch-report`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from janitor.services.report.fetch import FetchedRun, file_names
from janitor.views.runs import run_dict


def fetched_dict(fetched: FetchedRun, target: Path, now: datetime) -> dict[str, Any]:
    """The run, and of each report its file, or why there is none."""
    files = file_names(fetched.reports)
    return {
        "folder": str(target),
        "run": {key: value for key, value in run_dict(fetched.run, now).items() if key != "validations"},
        "reports": [
            {
                "repository": each.validation.repository_name,
                "organization": each.validation.organization,
                "status": each.validation.status.value,
                "file": None if each.problem else str(target / files[each.validation.validation_id]),
                "problem": each.problem,
            }
            for each in fetched.reports
        ],
    }
