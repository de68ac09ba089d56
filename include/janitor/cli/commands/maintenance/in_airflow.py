"""Maintenance runs that Airflow carries out, started and awaited from here."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from janitor.cli.commands.maintenance.supervise import Work
from janitor.cli.exit_codes import ExitCode
from janitor.cli.render.maintenance.shards import shard_dict, shard_line
from janitor.cli.session import Session
from janitor.cli.terminal.console import Console
from janitor.domain.errors import AirflowError, DatabaseError
from janitor.services.airflow.client import AirflowRunState
from janitor.services.maintenance.airflow_runs import start_in_airflow, state_in_airflow
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores.database import transaction
from janitor.views.document import as_json
from janitor.views.text.marks import BAD, GOOD, WAITING

_LOOK_EVERY = timedelta(seconds=3)
_LIMIT = timedelta(hours=24)


def run_in_airflow(
    session: Session,
    settings: Settings,
    console: Console,
    work: Work,
    *,
    parallel_limit: int | None,
    as_json_text: bool,
) -> ExitCode:
    """Start the runs and wait until Airflow says that they are over."""
    if work.per_run_sqlite:
        raise click.UsageError("--per-run-sqlite is for runs that aren't Airflow's", click.get_current_context())
    conf: dict[str, Any] = {"repositories": list(work.repositories)}
    conf |= {"parallel_limit": parallel_limit} if parallel_limit else {}
    conf |= {"run_ids": [str(work.validation_run)]} if work.validation_run else {}
    conf |= {"max_cost_usd": float(work.max_cost_usd)} if work.max_cost_usd is not None else {}
    started = {run_id: start_in_airflow(settings, run_id, conf) for run_id in work.run_ids}
    session.on_interrupt = "The runs go on in Airflow; `janitor shards list` says how far they are."
    for run_id, airflow_run_id in started.items():
        console.progress(f"{WAITING} run {run_id} is Airflow's {airflow_run_id}")
    states = _awaited(settings, console, started)
    answers, lines = [], []
    with transaction(settings.reader_url) as connection:
        for run_id, airflow_run_id in started.items():
            shards = store.of_run(connection, settings.deployment, airflow_run_id)
            state = states[run_id].value
            answers.append(
                {
                    "run_id": run_id,
                    "airflow_run_id": airflow_run_id,
                    "state": state,
                    "shards": [shard_dict(each) for each in shards],
                }
            )
            mark = GOOD if states[run_id] is AirflowRunState.SUCCESS else BAD
            lines += [f"{mark} run {run_id}: {state}"]
            lines += [f"  {shard_line(each, datetime.now(timezone.utc))}" for each in shards]
    console.result(as_json({"runs": answers}) if as_json_text else "\n".join(lines))
    well = all(state is AirflowRunState.SUCCESS for state in states.values())
    return ExitCode.OK if well else ExitCode.NOT_SUCCESSFUL


def _awaited(settings: Settings, console: Console, started: dict[str, str]) -> dict[str, AirflowRunState]:
    """Airflow's word on each once all are over; a look that fails is made again.

    Raises:
        AirflowError: They were not over in time.
    """
    deadline = time.monotonic() + _LIMIT.total_seconds()
    told: dict[str, str] = {}
    with console.working("Waiting for Airflow"):
        while time.monotonic() < deadline:
            try:
                states = {run_id: state_in_airflow(settings, each) for run_id, each in started.items()}
                _tell_news(settings, console, started, told)
            except (AirflowError, DatabaseError) as exc:
                console.notice(f"can't be looked at, it is tried again: {exc}")
            else:
                if all(state.is_final for state in states.values()):
                    return states
            time.sleep(_LOOK_EVERY.total_seconds())
    raise AirflowError(f"not over after {_LIMIT.total_seconds() / 3600:g} hours; see the DAG in Airflow's web UI")


def _tell_news(settings: Settings, console: Console, started: dict[str, str], told: dict[str, str]) -> None:
    """Print each shard whose status has changed."""
    now = datetime.now(timezone.utc)
    with transaction(settings.reader_url) as connection:
        shards = [each for one in started.values() for each in store.of_run(connection, settings.deployment, one)]
    for shard in shards:
        if told.get(shard.shard_id) != shard.status.value:
            told[shard.shard_id] = shard.status.value
            console.progress(shard_line(shard, now))
