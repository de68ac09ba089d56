"""The grid as JSON."""

from __future__ import annotations

from typing import Any

from janitor.domain.snapshot.grid import Grid


def grid_dict(grid: Grid) -> dict[str, Any]:
    """Runs with what a heading shows; rows as lists: name, statuses, changes, flaky."""
    return {
        "runs": [
            {
                "run_id": run.run_id,
                "airflow_run_id": run.airflow_run_id,
                "trigger": run.trigger,
                "status": run.status.value,
                "started_at": run.started_at.isoformat(),
            }
            for run in grid.runs
        ],
        "rows": [[row.repository, row.statuses, row.changes, row.flaky] for row in grid.rows],
    }
