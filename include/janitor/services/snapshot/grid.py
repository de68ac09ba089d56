"""Reading the grid of repositories by runs. Uses the role that only reads."""

from __future__ import annotations

from datetime import datetime

from janitor.domain.snapshot.grid import Grid, GridRow, GridRun, spread
from janitor.domain.states import RunStatus
from janitor.services.snapshot.take import PATIENCE
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

MOST_RUNS = 120


def fleet_grid(settings: Settings, *, runs: int, before: datetime) -> Grid:
    """The last runs that began before an instant, with every repository that was in one of them.

    Args:
        settings: Of the deployment.
        runs: How many, from 1 to `MOST_RUNS`.
        before: An instant; now shows what is.

    Raises:
        DatabaseError: Postgres can't be used, or doesn't answer within seconds.
    """
    queries = named_queries()
    with transaction(settings.reader_url, within=PATIENCE) as connection:
        columns = list(
            queries.grid_runs(
                connection, deployment=settings.deployment, before=before, runs=min(max(runs, 1), MOST_RUNS)
            )
        )
        found = list(queries.grid_rows(connection, run_ids=[row["run_id"] for row in columns]))
    rows = [
        GridRow(
            repository=row["repository"],
            statuses=spread(row["columns"], row["statuses"], len(columns)),
            changes=spread(row["columns"], row["changes"], len(columns)),
            flaky=spread(row["columns"], row["flaky"], len(columns)),
        )
        for row in found
    ]
    return Grid(
        runs=[
            GridRun(
                run_id=str(row["run_id"]),
                airflow_run_id=row["airflow_run_id"],
                trigger=row["trigger"],
                status=RunStatus(row["status"]),
                started_at=row["started_at"],
            )
            for row in columns
        ],
        rows=sorted(rows, key=lambda row: (row.rank, row.repository)),
    )
