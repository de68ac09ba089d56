"""Killing parts of Airflow in the middle of a run: it ends with the right verdict, and no instance is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.states import RunStatus, ValidationStatus
from janitor.settings import Settings
from janitor.stack.state.layout import Layout
from janitor.stores.database import transaction
from tests.support.processes import kill_processes
from tests.support.runs import Runs, by_name, eventually
from tests.support.workers import WorkerRepository, write_config

SOON = timedelta(seconds=60)
ENDS_WITHIN = timedelta(seconds=240)


def _kill(settings: Settings, wanted: Callable[[str], bool]) -> dict[int, str]:
    return kill_processes(Layout.of(settings), wanted)


def _kill_scheduler(settings: Settings) -> None:
    assert _kill(settings, lambda title: "airflow scheduler" in title)


def _kill_triggerer(settings: Settings) -> None:
    assert _kill(settings, lambda title: "airflow triggerer" in title)


def _kill_task_processes(settings: Settings) -> None:
    # The processes that run the operators' code: "airflow worker -- <task instance id>".
    assert _kill(settings, lambda title: "airflow worker -- " in title and "LocalExecutor" not in title)


def _kill_busy_workers(settings: Settings) -> None:
    # The executor's processes that look after a task, and with them the task.
    assert _kill(settings, lambda title: "airflow worker -- " in title and "<idle>" not in title)


def _in_state(runs: Runs, airflow_run_id: str, task: str, states: set[str]) -> bool | None:
    return runs.task_state(airflow_run_id, f"validate_repository.{task}", 0) in states or None


KILLERS = {
    "scheduler": _kill_scheduler,
    "triggerer": _kill_triggerer,
    "task": _kill_task_processes,
    "worker": _kill_busy_workers,
}
MOMENTS = [
    ("task", "launch", {"running"}),
    ("worker", "validate", {"running"}),
    ("scheduler", "validate", {"running"}),
    ("triggerer", "validate", {"deferred"}),
]


@pytest.mark.parametrize(("killer", "task", "states"), MOMENTS, ids=[f"{who}-{when}" for who, when, _ in MOMENTS])
def test_killed_in_the_middle_the_run_ends_right(
    runs: Runs,
    workers: dict[str, WorkerRepository],
    tmp_path: Path,
    killer: str,
    task: str,
    states: set[str],
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["slow"].entry(), workers["failing"].entry()])
    # RunInstances takes its time, so that a kill of `launch` comes in the middle of the call.
    runs.set_faults({"api": "RunInstances", "latency_seconds": 6, "times": 2})
    run = runs.start(config)
    try:
        eventually(lambda: _in_state(runs, run.airflow_run_id, task, states), within=SOON)
        KILLERS[killer](runs.settings)
    finally:
        runs.set_faults()
    view = runs.finished(run, within=ENDS_WITHIN)
    assert {name: row.status for name, row in by_name(view).items()} == {
        "slow-worker": ValidationStatus.SUCCESS,
        "failing-worker": ValidationStatus.FAILED,
    }
    assert view.status is RunStatus.FAILED
    with transaction(runs.settings.writer_url) as connection:
        # One launch for each attempt: what was there was adopted.
        rows = connection.execute("select generation from instances where run_id = %s", (view.run_id,)).fetchall()
    assert [row["generation"] for row in rows] == [1, 1]
    runs.assert_nothing_left()
