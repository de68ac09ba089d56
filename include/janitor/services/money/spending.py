"""Reading what a while has cost. Uses the role that only reads."""

from __future__ import annotations

from datetime import datetime

from janitor.domain.money.spending import CauseCost, DayCost, RepositoryCost, Spending
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

MOST_ROWS = 50
"""Repositories, and causes, that are told of."""


def spending_since(settings: Settings, since: datetime) -> Spending:
    """What was launched since has cost.

    Args:
        settings: Of the deployment.
        since: An instant; the time that this takes grows with what was launched since, and with nothing else.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    queries, deployment = named_queries(), settings.deployment
    with transaction(settings.reader_url) as connection:
        days = list(queries.cost_by_day(connection, deployment=deployment, since=since))
        repositories = list(queries.cost_by_repository(connection, deployment=deployment, since=since, most=MOST_ROWS))
        causes = list(queries.cost_by_cause(connection, deployment=deployment, since=since, most=MOST_ROWS))
    return Spending(
        days=[DayCost(**row) for row in days],
        repositories=[
            RepositoryCost(**{**row, "repository": row["repository"] or None, "pool": row["pool"] or None})
            for row in repositories
        ],
        causes=[CauseCost(**row) for row in causes],
    )
