"""The last runs of a deployment, a line each. Uses the role that only reads."""

from __future__ import annotations

from janitor.domain.money.places import MONEY_PLACES
from janitor.domain.states import RunPurpose, RunStatus
from janitor.domain.views import RunSummary
from janitor.settings import Settings
from janitor.stores import costs
from janitor.stores.costs import NO_COST
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


def latest_runs(settings: Settings, limit: int) -> list[RunSummary]:
    """The last runs, newest first.

    Args:
        settings: Of the deployment.
        limit: How many, at most; at least 1.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        queries = named_queries()
        rows = list(queries.latest_run_summaries(connection, deployment=settings.deployment, count=max(limit, 1)))
        known = costs.costs_of_runs(connection, [row["run_id"] for row in rows])
        places = costs.places_of_runs(connection, known)
    summaries = []
    for row in rows:
        cost = known.get(row["run_id"], NO_COST)
        summaries.append(
            RunSummary(
                run_id=row["run_id"],
                airflow_run_id=row["airflow_run_id"],
                config_path=row["config_file_path"],
                trigger=row["trigger"],
                started_at=row["started_at"],
                completed_at=row["completed_at"],
                status=RunStatus(row["status"]),
                successful=row["successful"],
                total_repositories=row["total_repositories"],
                cost_usd=cost.usd,
                cost_is_final=cost.is_final,
                purpose=RunPurpose(row["purpose"]),
                cost_places=places.get(row["run_id"], MONEY_PLACES),
            )
        )
    return summaries
