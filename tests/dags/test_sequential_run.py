"""The DAG `run_janitor` on a real Airflow: one instance for all, a warmer second run, and the verdict on the log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.cloud.session import CloudAccess
from janitor.domain.states import InstanceState, RunKind, RunStatus, TerminationReason, ValidationStatus
from janitor.domain.views import RunView
from janitor.protocol.terms.statuses import CacheState
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.airflow.trigger import TriggeredRun, trigger_run
from janitor.services.sequential.orderer import owner_of_run
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from tests.dags.conftest import REQUIREMENTS
from tests.support.runs import RUN_LIMIT, Runs, by_name, eventually
from tests.support.workers import WorkerRepository, make_worker, write_config

ROOT = Path(__file__).resolve().parents[2]


def start(settings: Settings, config: Path) -> TriggeredRun:
    return trigger_run(settings, config_path=str(config), kind=RunKind.SEQUENTIAL)


def finished(runs: Runs, run: TriggeredRun) -> tuple[RunView, AirflowRunState]:
    """The run as recorded and as Airflow shows it, when it has ended."""
    with AirflowClient(runs.settings, RunKind.SEQUENTIAL) as airflow:
        state = eventually(
            lambda: found if (found := airflow.state(run.airflow_run_id)).is_final else None, within=RUN_LIMIT
        )
    view = runs.view(run.airflow_run_id)
    assert view is not None
    return view, state


def instance_of(settings: Settings, view: RunView) -> InstanceRecord:
    with transaction(settings.writer_url) as connection:
        (record,) = ledger.generations_of(connection, owner_of_run(view.run_id))
    return record


def downloads_of(settings: Settings, view: RunView, repository: str) -> int:
    """How many packages its build brought over the network: what it took in seconds is the machine's mood as well."""
    stream = by_name(view)[repository].log_stream
    events = (
        CloudAccess.of(settings)
        .client("logs")
        .get_log_events(logGroupName=settings.log_group, logStreamName=stream, startFromHead=True)["events"]
    )
    assert any("check build … pass" in event["message"] for event in events)
    return sum("  | Downloading " in event["message"] for event in events)


def test_two_runs_in_turn_share_the_cache_and_end_their_instance(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    settings = runs.settings
    other = make_worker(
        tmp_path, "other-worker", body="return {'echo': job['input']['text']}", requirements=REQUIREMENTS
    )
    config = write_config(
        tmp_path / "repos.yaml", [workers["healthy"].entry(), other.entry()], default_timeout_minutes=5
    )
    # The second waits until the first has ended: there is one volume.
    started = [start(settings, config), start(settings, config)]
    views = []
    for run in started:
        view, state = finished(runs, run)
        assert (view.status, state) == (RunStatus.SUCCESS, AirflowRunState.SUCCESS), view.status_reason
        assert {row.status for row in view.validations} == {ValidationStatus.SUCCESS}
        assert (view.cache, view.unexpected_errors) == (CacheState.ATTACHED, 0), view.cache_detail
        record = instance_of(settings, view)
        assert {row.instance_id for row in view.validations} == {record.instance_id}
        assert (record.state, record.termination_reason) == (InstanceState.TERMINATED, TerminationReason.FINISHED)
        first, second = view.validations
        assert first.finished_at is not None
        assert second.launched_at is not None
        assert first.finished_at <= second.launched_at
        assert record.ended_at is not None
        assert second.finished_at is not None
        assert (record.ended_at - second.finished_at).total_seconds() < 300
        views.append(view)
    for name in ("healthy-worker", "other-worker"):
        cold, warm = (downloads_of(settings, view, name) for view in views)
        assert cold > 0, name
        assert warm == 0, name
    runs.assert_nothing_left()
    _fetched(settings, views[1], tmp_path)


def _fetched(settings: Settings, view: RunView, folder: Path) -> None:
    """The command brings the reports of the last sequential run, and says what they hold."""
    answer = subprocess.run(
        [sys.executable, "-m", "janitor.cli.main", "fetch-report", "--to", str(folder / "reports"), "--json"],
        cwd=ROOT,
        env={**settings.inherited, "PYTHONPATH": str(ROOT / "include"), "JANITOR_ENV": "local"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["run"]["run_id"] == str(view.run_id)
    assert told["run"]["cache"] == "attached"
    for entry in told["reports"]:
        report = json.loads(Path(entry["file"]).read_text())
        assert report["repository"]["name"] == entry["repository"]
        assert report["provenance"]["machine"]["cache"] == "attached"


def test_a_failing_repository_stops_no_other_and_unexpected_errors_fail_the_run(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    noisy = make_worker(
        tmp_path,
        "noisy-worker",
        body="print('ERROR planted by a good worker', flush=True)\nreturn {'echo': job['input']['text']}",
        requirements=REQUIREMENTS,
    )
    config = write_config(
        tmp_path / "repos.yaml", [workers["failing"].entry(), noisy.entry()], default_timeout_minutes=5
    )
    view, state = finished(runs, start(runs.settings, config))
    assert (view.status, state) == (RunStatus.FAILED, AirflowRunState.FAILED)
    assert by_name(view)["failing-worker"].status is ValidationStatus.FAILED
    assert view.unexpected_errors
    assert "noisy-worker: " in (view.status_reason or "")
    assert "ERROR planted by a good worker" in (view.status_reason or "")
    runs.assert_nothing_left()


@pytest.mark.parametrize("conf", [{"max_concurrent_instances": 3}, {"config_path": "infra/no-such.yaml"}])
def test_what_it_can_t_plan_launches_nothing(runs: Runs, conf: dict[str, object]) -> None:
    airflow_run_id = f"test__{uuid4()}"
    with AirflowClient(runs.settings, RunKind.SEQUENTIAL) as airflow:
        airflow.trigger(airflow_run_id, conf)
    with AirflowClient(runs.settings, RunKind.SEQUENTIAL) as airflow:
        eventually(lambda: airflow.state(airflow_run_id).is_final or None, within=RUN_LIMIT)
        assert airflow.state(airflow_run_id) is AirflowRunState.FAILED
    assert runs.view(airflow_run_id) is None
