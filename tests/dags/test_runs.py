"""Runs on a real Airflow: verdicts, isolation, limits, and every way of triggering."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from janitor.domain.identity import run_id_for
from janitor.domain.launch.owner import Owner
from janitor.domain.states import InstanceState, RunStatus, TerminationReason, ValidationStatus
from janitor.domain.views import RunView
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.views.text.verdicts import run_note
from tests.support.runs import SOON, Runs, by_name, eventually
from tests.support.workers import WorkerRepository, write_config

ROOT = Path(__file__).resolve().parents[2]
ENDLESS_LIMITS = (0.9, 6.0)
"""Minutes for a handler that never answers; the second for a machine that needs the first for its build."""


@pytest.fixture(scope="module")
def judged(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, RunView]:
    """A run of a healthy, a failing, a crashing and an endless repository, by Airflow's name of it, and its end."""
    for limit in ENDLESS_LIMITS:
        config = write_config(
            tmp_path_factory.mktemp("judged") / "workers.yaml",
            [
                workers["healthy"].entry(),
                workers["failing"].entry(),
                workers["crashing"].entry(),
                workers["endless"].entry(timeout_minutes=limit),
            ],
            default_timeout_minutes=15,
            grace_minutes=2.0,
        )
        run = runs.start(config)
        view = runs.finished(run)
        # A machine on which the work can't begin in time blames nobody, and gets a longer limit.
        if by_name(view)["endless-worker"].reason_code != ReasonCode.BEGAN_LATE:
            break
    return run.airflow_run_id, view


def test_each_repository_gets_its_own_verdict(runs: Runs, judged: tuple[str, RunView]) -> None:
    """A failing, a crashing and an endless repository change nothing for the healthy one."""
    airflow_run_id, view = judged
    assert {name: row.status for name, row in by_name(view).items()} == {
        "healthy-worker": ValidationStatus.SUCCESS,
        "failing-worker": ValidationStatus.FAILED,
        "crashing-worker": ValidationStatus.FAILED,
        "endless-worker": ValidationStatus.TIMED_OUT,
    }
    assert (view.status, view.timeout_enforced) == (RunStatus.FAILED, True)
    assert runs.state(airflow_run_id) is AirflowRunState.FAILED
    healthy, endless = by_name(view)["healthy-worker"], by_name(view)["endless-worker"]
    assert healthy.build_succeeded is True
    assert healthy.commit_sha is not None
    assert healthy.prompt == "validate the repo and see if its still working"
    assert endless.timeout_enforced
    with transaction(runs.settings.writer_url) as connection:
        record = ledger.latest_of(connection, Owner.validation(endless.validation_id))
        assert record is not None
        assert (record.state, record.termination_reason) == (InstanceState.TERMINATED, TerminationReason.TIMEOUT)
        # The partial report is kept.
        row = connection.execute(
            "select partial from validation_reports where validation_id = %s", (endless.validation_id,)
        ).fetchone()
        assert row is not None
        assert row["partial"] is True
    runs.assert_nothing_left()


def test_two_runs_at_once_do_not_mix_and_share_the_limit(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    limit = 2
    repositories = [workers["slow"].entry(name=f"slow-{index}") for index in range(3)]
    config = write_config(tmp_path / "workers.yaml", repositories, max_concurrent_instances=limit)
    most, stop = 0, threading.Event()

    def count() -> None:
        nonlocal most
        while not stop.wait(0.2):
            with transaction(runs.settings.writer_url) as connection:
                most = max(most, ledger.count_live(connection, runs.settings.deployment))

    counter = threading.Thread(target=count)
    counter.start()
    try:
        first, second = runs.start(config), runs.start(config, repo="slow-1")
        views = [runs.finished(first), runs.finished(second)]
    finally:
        stop.set()
        counter.join()
    assert [view.status for view in views] == [RunStatus.SUCCESS, RunStatus.SUCCESS]
    assert sorted(by_name(views[0])) == ["slow-0", "slow-1", "slow-2"]
    assert sorted(by_name(views[1])) == ["slow-1"]
    instances = [row.instance_id for view in views for row in view.validations]
    assert len(set(instances)) == 4
    assert most == limit
    runs.assert_nothing_left()


def test_a_wrong_config_fails_the_run_and_writes_nothing(runs: Runs, tmp_path: Path) -> None:
    config = tmp_path / "workers.yaml"
    config.write_text("repositories: []\n")
    airflow_run_id = f"test__{uuid4()}"
    with AirflowClient(runs.settings) as airflow:
        airflow.trigger(airflow_run_id, {"config_path": str(config)})
    eventually(lambda: runs.state(airflow_run_id).is_final or None, within=SOON)
    assert runs.state(airflow_run_id) is AirflowRunState.FAILED
    assert runs.view(airflow_run_id) is None
    assert runs.task_state(airflow_run_id, "terminate_all") == "success"


def test_an_unknown_key_fails_the_run_before_anything_launches(runs: Runs) -> None:
    airflow_run_id = f"test__{uuid4()}"
    with AirflowClient(runs.settings) as airflow:
        airflow.trigger(airflow_run_id, {"config": "infra/local/workers.yaml"})
    eventually(lambda: runs.state(airflow_run_id).is_final or None, within=SOON)
    assert runs.state(airflow_run_id) is AirflowRunState.FAILED
    assert runs.view(airflow_run_id) is None
    refusal = "unknown key in the run's conf: 'config' (did you mean config_path?); known: config_path, repository, "
    (said,) = [line for line in runs.log(airflow_run_id, "plan") if "conf" in line["event"]]
    assert said["event"].startswith(refusal)
    assert runs.note(airflow_run_id) == said["event"]
    assert runs.task_instance(airflow_run_id, "plan")["try_number"] == 1


def test_the_web_ui_tells_the_verdict_in_plain_lines(runs: Runs, judged: tuple[str, RunView]) -> None:
    airflow_run_id, view = judged
    task = "validate_repository.validate"
    # A task whose process a busy machine starves is tried again; it is no verdict that is tried again.
    tries = range(1, runs.task_instance(airflow_run_id, task, 1)["try_number"] + 1)
    logs = [runs.log(airflow_run_id, task, 1, attempt=attempt) for attempt in tries]
    events = [str(line["event"]) for line in logs[-1]]
    assert [line["event"] for log in logs for line in log].count("Checks:") == 1
    # The verdict is the end of what the task says, with no frames of Airflow's in it.
    first = events.index("Checks:")
    said = events[first:]
    verdict = next(index for index, event in enumerate(said) if event.startswith("tests/failing-worker: failed ("))
    assert said[verdict + 2] == "Task exited"
    assert any(event.startswith("Cause: ") and "RuntimeError: the model is gone" in event for event in said)
    assert any(event.startswith("Commit: ") for event in said)
    assert any(event.startswith("Cost: $") for event in said)
    assert any("✗ handler_local" in event for event in said)
    assert any("✓ checkout" in event for event in said)
    address = next(each for each in said if each.startswith("Log of"))
    assert not any("Traceback" in json.dumps(line) for line in logs[-1])
    names = [runs.task_instance(airflow_run_id, task, index)["rendered_map_index"] for index in range(2)]
    assert names == ["healthy-worker: success", "failing-worker: failed"]
    assert runs.note(airflow_run_id) == run_note(view)
    # The button leads to the validator's own log, which only who is logged in may read.
    url = runs.links(airflow_run_id, task, 1)["Validator's log"]
    assert address == f"Log of the validator: {url}"
    assert httpx.get(url, trust_env=False).status_code == 401
    page = runs.page(url)
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert "check handler_local" in page.text


def test_airflow_dags_trigger_runs_the_same_dag(
    runs: Runs, stack: Settings, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["healthy"].entry()])
    airflow_run_id = f"cli__{uuid4()}"
    command = [sys.executable, "-m", "janitor.cli.main", "airflow", "--", "dags", "trigger", "validate_workers"]
    answer = subprocess.run(
        [*command, "--run-id", airflow_run_id, "--conf", json.dumps({"config_path": str(config)})],
        cwd=ROOT,
        env={**stack.inherited, "PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    eventually(lambda: runs.state(airflow_run_id).is_final or None, within=SOON)
    view = runs.view(airflow_run_id)
    assert view is not None
    assert view.run_id == run_id_for(stack.deployment, airflow_run_id)
    assert view.status is RunStatus.SUCCESS


def test_marking_a_run_failed_still_ends_its_instances(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["slow"].entry()])
    run = runs.start(config)

    def is_running() -> bool | None:
        view = runs.view(run.airflow_run_id)
        return (view is not None and view.validations[0].status is ValidationStatus.RUNNING) or None

    eventually(is_running, within=SOON)
    with AirflowClient(runs.settings) as airflow:
        airflow.mark_failed(run.airflow_run_id)
    deadline = time.monotonic() + SOON.total_seconds()
    while True:
        try:
            runs.assert_nothing_left()
            break
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def test_a_launch_that_waits_for_a_place_holds_no_worker(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    endless = write_config(
        tmp_path / "endless.yaml",
        [workers["endless"].entry(timeout_minutes=0.9)],
        max_concurrent_instances=1,
        grace_minutes=0.05,
    )
    waiting = write_config(tmp_path / "waiting.yaml", [workers["healthy"].entry()], max_concurrent_instances=1)
    holder = runs.start(endless)
    eventually(lambda: _launched(runs, holder.airflow_run_id), within=SOON)
    waiter = runs.start(waiting)
    launch = "validate_repository.launch"
    eventually(lambda: runs.task_state(waiter.airflow_run_id, launch, 0) == "deferred" or None, within=SOON)
    assert runs.finished(holder).status is RunStatus.FAILED
    assert runs.finished(waiter).status is RunStatus.SUCCESS
    runs.assert_nothing_left()


def _launched(runs: Runs, airflow_run_id: str) -> bool | None:
    view = runs.view(airflow_run_id)
    return (view is not None and view.validations[0].instance_id is not None) or None
