"""Whose turn it is where Airflow lets no more runs of a DAG go on at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import DatabaseError, NotFoundError
from janitor.domain.identity import run_id_for
from janitor.domain.states import RunKind
from janitor.domain.watch.sequential import LONGEST_RUN
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.airflow.trigger import TriggeredRun
from janitor.settings import Settings
from janitor.stores import sequential as store
from janitor.stores.database import transaction


@dataclass(frozen=True, kw_only=True)
class RunAhead:
    """The run that has to end before another one begins."""

    run_id: UUID
    at_a_time: int
    """How many runs of its DAG may go on at once."""
    left: timedelta
    """Until it meets its own limit, grace included; negative where it is past it."""


def run_ahead(settings: Settings, started: TriggeredRun) -> RunAhead | None:
    """What a run that Airflow has accepted waits for; None where Airflow holds it back for no other run.

    Where several are under way, it is the one that began first.

    Raises:
        AirflowError: Airflow can't be reached.
    """
    try:
        with AirflowClient(settings, started.kind) as airflow:
            if airflow.state(started.airflow_run_id) is not AirflowRunState.QUEUED:
                return None
            at_a_time, under_way = airflow.most_at_a_time(), airflow.under_way()
    except NotFoundError:
        return None  # deleted there: it waits for nothing
    if at_a_time is None or not under_way or len(under_way) < at_a_time:
        return None
    run_id = run_id_for(settings.deployment, under_way[0])
    return RunAhead(run_id=run_id, at_a_time=at_a_time, left=_left(settings, run_id, started.kind))


def _left(settings: Settings, run_id: UUID, kind: RunKind) -> timedelta:
    """As the records say; the longest that any run may take where they don't."""
    if kind is not RunKind.SEQUENTIAL:
        return LONGEST_RUN
    try:
        with transaction(settings.reader_url) as connection:
            run = store.sequential_run(connection, run_id)
    except DatabaseError:
        return LONGEST_RUN  # not planned yet, or nobody can say
    until_limit = run.total_timeout if run.deadline_at is None else run.deadline_at - datetime.now(timezone.utc)
    return until_limit + run.grace
