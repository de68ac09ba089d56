"""The grid as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.snapshot.grid import CauseGrid, Grid, GridRun


def grid_dict(grid: Grid) -> dict[str, Any]:
    """Runs with what a heading shows; rows as lists: name, statuses, changes, flaky."""
    return {
        "runs": _run_dicts(grid.runs),
        "rows": [[row.repository, row.statuses, row.changes, row.flaky] for row in grid.rows],
    }


def cause_grid_dict(grid: CauseGrid) -> dict[str, Any]:
    """The same runs; rows as lists: signature, title, and pairs of a column and how many repositories."""
    return {
        "runs": _run_dicts(grid.runs),
        "rows": [[row.signature, row.title, [list(each) for each in row.counts]] for row in grid.rows],
    }


def _run_dicts(runs: Sequence[GridRun]) -> list[dict[str, Any]]:
    return [
        {
            "run_id": run.run_id,
            "airflow_run_id": run.airflow_run_id,
            "trigger": run.trigger,
            "status": run.status.value,
            "started_at": run.started_at.isoformat(),
        }
        for run in runs
    ]
