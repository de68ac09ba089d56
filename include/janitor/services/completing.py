"""Names and ids that a person may be about to type, from the ledger alone and at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

_WITHIN = timedelta(seconds=2)
"""How long the ledger may take to answer: the least that libpq knows."""


class Known(str, Enum):
    """What can be completed."""

    REPOSITORY = "repository"
    RUN = "run"
    RUNNING = "running"  # a run that isn't over
    INSTANCE = "instance"  # a live one


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One of them."""

    value: str
    help: str


def completions(settings: Settings, known: Known, *, limit: int, beginning: str) -> list[Completion]:
    """Those that begin so, the most recent first.

    Raises:
        SettingsError: No setting says where the ledger is.
        DatabaseError: Postgres can't be used, or is too slow.
    """
    queries = named_queries()
    question = {
        Known.REPOSITORY: queries.complete_repositories,
        Known.RUN: queries.complete_runs,
        Known.RUNNING: queries.complete_running_runs,
        Known.INSTANCE: queries.complete_instances,
    }[known]
    with transaction(settings.reader_url, application_name="janitor-completion", within=_WITHIN) as connection:
        rows = list(question(connection, deployment=settings.deployment, beginning=beginning, count=limit))
    return [Completion(value=row["value"], help=row["help"] or "") for row in rows]
