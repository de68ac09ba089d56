"""Reading the grid of repositories by runs. Uses the role that only reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from janitor.domain.snapshot.grid import CauseGrid, CauseRow, Grid, GridRow, GridRun, spread
from janitor.domain.states import RunStatus
from janitor.services.snapshot.take import PATIENCE
from janitor.settings import Settings
from janitor.stores.database import Connection, transaction
from janitor.stores.queries import named_queries

MOST_RUNS = 120
MOST_CAUSES = 300
"""Rows of causes, those of the newest runs first."""


def fleet_grid(settings: Settings, *, runs: int, before: datetime) -> Grid:
    """The last runs that began before an instant, with every repository that was in one of them.

    Args:
        settings: Of the deployment.
        runs: How many, from 1 to `MOST_RUNS`.
        before: An instant: what was known then is shown, and now what is.

    Raises:
        DatabaseError: Postgres can't be used, or doesn't answer within seconds.
    """
    with transaction(settings.reader_url, within=PATIENCE) as connection:
        columns = _columns(connection, settings, runs=runs, before=before)
        run_ids = [row["run_id"] for row in columns]
        found = list(named_queries().grid_rows(connection, run_ids=run_ids, at=before))
    rows = [
        GridRow(
            repository=row["repository"],
            statuses=spread(row["columns"], row["statuses"], len(columns)),
            changes=spread(row["columns"], row["changes"], len(columns)),
            flaky=spread(row["columns"], row["flaky"], len(columns)),
        )
        for row in found
    ]
    return Grid(runs=_runs(columns), rows=sorted(rows, key=lambda row: (row.rank, row.repository)))


def cause_grid(settings: Settings, *, runs: int, before: datetime) -> CauseGrid:
    """The same runs, with the causes that repositories failed by in them; arguments and errors as for `fleet_grid`."""
    with transaction(settings.reader_url, within=PATIENCE) as connection:
        columns = _columns(connection, settings, runs=runs, before=before)
        run_ids = [row["run_id"] for row in columns]
        found = list(named_queries().grid_causes(connection, run_ids=run_ids, at=before, most=MOST_CAUSES))
    rows = [
        CauseRow(
            signature=row["signature"],
            title=row["title"],
            counts=tuple(zip(row["columns"], row["repositories"], strict=True)),
        )
        for row in found
    ]
    return CauseGrid(runs=_runs(columns), rows=rows)


def _columns(connection: Connection, settings: Settings, *, runs: int, before: datetime) -> list[dict[str, Any]]:
    wanted = min(max(runs, 1), MOST_RUNS)
    return list(named_queries().grid_runs(connection, deployment=settings.deployment, before=before, runs=wanted))


def _runs(columns: list[dict[str, Any]]) -> list[GridRun]:
    return [
        GridRun(
            run_id=str(row["run_id"]),
            airflow_run_id=row["airflow_run_id"],
            trigger=row["trigger"],
            status=RunStatus(row["status"]),
            started_at=row["started_at"],
        )
        for row in columns
    ]
