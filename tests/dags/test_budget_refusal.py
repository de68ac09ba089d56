"""A run that the budget no longer allows when it is planned."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.cli.runs import see_through
from janitor.cli.session import Session
from janitor.cli.terminal.console import Console
from janitor.domain.errors import BudgetRefusedError
from janitor.domain.identity import run_id_for
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.airflow.trigger import TriggeredRun
from tests.support.runs import RUN_LIMIT, Runs, eventually
from tests.support.workers import WorkerRepository, write_config


def test_planning_refuses_for_good_and_following_says_why(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["healthy"].entry()], max_run_cost_usd=0.01)
    settings = runs.settings
    # Triggered past the check that the command makes, as from the web UI.
    airflow_run_id = f"test__{uuid4()}"
    with AirflowClient(settings) as airflow:
        airflow.trigger(airflow_run_id, {"config_path": str(config)})
    started = TriggeredRun(
        run_id=run_id_for(settings.deployment, airflow_run_id), airflow_run_id=airflow_run_id, total_repositories=1
    )
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with pytest.raises(BudgetRefusedError, match=r"above max_run_cost_usd \(\$0\.01\)"):
        see_through(Session(), Console(quiet=True), settings, started, grace=RUN_LIMIT)
    eventually(lambda: runs.state(airflow_run_id).is_final or None, within=RUN_LIMIT)
    assert runs.state(airflow_run_id) is AirflowRunState.FAILED
    assert runs.view(airflow_run_id) is None
    runs.assert_nothing_left()
