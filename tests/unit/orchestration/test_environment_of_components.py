"""No component of Airflow guesses its environment, and none goes on with a run of another one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from janitor.domain.errors import SettingsError, WrongEnvironmentError
from janitor.orchestration.wiring import current_settings, parsing_settings, settings_for, settings_for_run
from janitor.settings import component_environment, load_dag_settings
from janitor.settings.dag import dag_variables

ROOT = Path(__file__).resolve().parents[3]
REFUSED = "JANITOR_ENV is not set in this component of Airflow"


@pytest.fixture(autouse=True)
def of_dev(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("JANITOR_ENV", "dev")
    monkeypatch.setenv("JANITOR_BUCKET", "some-bucket")
    current_settings.cache_clear()
    yield
    current_settings.cache_clear()


class PlannedRun:
    """What a task sees of `plan`: Airflow's own name for it."""

    def __init__(self, planned: list[dict[str, str]] | None) -> None:
        self.planned = planned

    def xcom_pull(self, *, task_ids: str) -> list[dict[str, str]] | None:
        assert task_ids == "plan"
        return self.planned


@pytest.mark.parametrize("given", [{}, {"JANITOR_ENV": " "}, {"ENV": "prod"}])
def test_a_component_has_no_default_environment(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=REFUSED):
        component_environment(given)
    assert component_environment({"JANITOR_ENV": "prod", "ENV": "dev"}) == "prod"


def test_neither_tasks_nor_parsing_go_on_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert current_settings().environment == "dev"
    assert parsing_settings().dag_id == "validate_workers"
    current_settings.cache_clear()
    monkeypatch.delenv("JANITOR_ENV")
    for ask in (current_settings, parsing_settings):
        with pytest.raises(SettingsError, match=REFUSED):
            ask()


def test_a_task_of_another_environment_stops() -> None:
    assert settings_for({"environment": "dev"}).environment == "dev"
    with pytest.raises(WrongEnvironmentError, match=r"planned for ENV=prod, .*has JANITOR_ENV=dev"):
        settings_for({"environment": "prod"})
    # Of a run that was planned before the environment was kept.
    assert settings_for({"validation_id": "x"}).environment == "dev"


def test_a_task_for_the_whole_run_asks_what_was_planned() -> None:
    entry = {"validation_id": "x", "repository": "y"}
    for planned in (None, [], [entry], [{**entry, "environment": "dev"}]):
        assert settings_for_run({"ti": PlannedRun(planned)}).environment == "dev"
    with pytest.raises(WrongEnvironmentError):
        settings_for_run({"ti": PlannedRun([{**entry, "environment": "prod"}])})


def files(root: Path, **texts: str) -> None:
    folder = root / "infra" / "env"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.env").write_text(text)


def test_parsing_is_told_what_the_files_say(tmp_path: Path) -> None:
    files(tmp_path, prod="JANITOR_SCHEDULE=0 3 * * *\nJANITOR_BUCKET=b\nJANITOR_DEFAULT_CONFIG=\n")
    told = dag_variables({"JANITOR_ENV": "prod"}, project_root=tmp_path)
    assert told == {"JANITOR_SCHEDULE": "0 3 * * *"}
    assert load_dag_settings(told).schedule == "0 3 * * *"
    (tmp_path / "infra/env/prod.override.env").write_text("JANITOR_REAP_INTERVAL_SECONDS=120\nJANITOR_SCHEDULE=off\n")
    told = dag_variables({"JANITOR_ENV": "prod"}, project_root=tmp_path)
    assert told == {"JANITOR_SCHEDULE": "off", "JANITOR_REAP_INTERVAL_SECONDS": "120"}
    assert load_dag_settings(told).schedule == ""


def test_the_process_comes_first_and_an_empty_value_is_none(tmp_path: Path) -> None:
    files(tmp_path, prod="JANITOR_SCHEDULE=0 3 * * *\nJANITOR_DEFAULT_CONFIG=a.yaml\n")
    process = {"JANITOR_ENV": "prod", "JANITOR_SCHEDULE": "0 4 * * *", "JANITOR_DEFAULT_CONFIG": " "}
    assert dag_variables(process, project_root=tmp_path) == {
        "JANITOR_SCHEDULE": "0 4 * * *",
        "JANITOR_DEFAULT_CONFIG": "a.yaml",
    }


def test_the_committed_schedule_of_prod_reaches_parsing() -> None:
    assert load_dag_settings(dag_variables({"JANITOR_ENV": "prod"}, project_root=ROOT)).schedule == "0 3 * * *"


_START = """
import os, sys
sys.argv = os.environ.get("ARGUMENTS", "airflow version").split()
import airflow_local_settings
print(os.environ.get("JANITOR_SCHEDULE"))
print(sorted({"airflow", "boto3", "janitor.orchestration.tasks", "janitor.orchestration.trigger"} & set(sys.modules)))
"""


def start(**environ: str) -> subprocess.CompletedProcess[str]:
    """What Airflow does first in every component."""
    path = os.pathsep.join((str(ROOT / "include"), str(ROOT / "plugins")))
    return subprocess.run(
        [sys.executable, "-c", _START],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_component_without_an_environment_refuses_to_start() -> None:
    refused = start()
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {REFUSED}")
    assert "Traceback" not in refused.stderr
    unknown = start(JANITOR_ENV="stage")
    assert (unknown.returncode, "environments here: dev, local, prod" in unknown.stderr) == (1, True)


def test_a_component_gets_its_environments_schedule() -> None:
    assert start(JANITOR_ENV="prod").stdout.splitlines()[0] == "0 3 * * *"
    assert start(JANITOR_ENV="prod", JANITOR_SCHEDULE="off").stdout.splitlines()[0] == "off"
    wrong = start(JANITOR_ENV="prod", JANITOR_SCHEDULE="at three")
    assert wrong.returncode == 1
    assert "JANITOR_SCHEDULE (process environment): is not a cron expression" in wrong.stderr


@pytest.mark.parametrize("command", ["airflow scheduler", "airflow celery worker"])
def test_a_component_that_forks_has_imported_what_its_tasks_need(command: str, tmp_path: Path) -> None:
    done = start(JANITOR_ENV="prod", ARGUMENTS=command, AIRFLOW_HOME=str(tmp_path))
    everything = "['airflow', 'boto3', 'janitor.orchestration.tasks', 'janitor.orchestration.trigger']"
    assert done.stdout.splitlines()[-1] == everything, done.stderr


def test_other_commands_import_no_more_than_they_need() -> None:
    assert start(JANITOR_ENV="prod", ARGUMENTS="airflow db migrate").stdout.splitlines()[-1] == "[]"
