"""The schedule starts the same DAG by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from janitor.domain.states import ValidationStatus
from janitor.services.airflow.client import AirflowClient
from janitor.services.launch.plan import STALE_AFTER, is_stale
from tests.support.runs import SOON, Runs, eventually
from tests.support.stack import running_stack
from tests.support.workers import write_config

NOW = datetime(2026, 1, 2, 3, tzinfo=timezone.utc)


def test_a_scheduled_run_starts_by_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("scheduled")
    missing = {
        "name": "gone-worker",
        "organization": "tests",
        "prompt": "look",
        "gpu_required": False,
        "url": f"file://{folder}/gone",
    }
    config = write_config(Path(folder) / "workers.yaml", [missing])
    values = {"JANITOR_SCHEDULE": "* * * * *", "JANITOR_DEFAULT_CONFIG": str(config)}
    with running_stack(folder / "state", values) as settings:

        def scheduled() -> str | None:
            with AirflowClient(settings) as airflow:
                return next((run for run in airflow.latest_runs() if run.startswith("scheduled__")), None)

        airflow_run_id = eventually(scheduled, within=SOON)
        runs = Runs(settings)
        eventually(lambda: runs.state(airflow_run_id).is_final or None, within=SOON)
        view = runs.view(airflow_run_id)
        assert view is not None
        assert view.trigger == "scheduled"
        assert view.config_path == str(config)
        assert [row.status for row in view.validations] == [ValidationStatus.FAILED]


@pytest.mark.parametrize(("late", "stale"), [(timedelta(0), False), (STALE_AFTER, False), (STALE_AFTER * 2, True)])
def test_a_run_that_starts_far_too_late_is_dropped(late: timedelta, stale: bool) -> None:
    assert is_stale(NOW, NOW + late) is stale
