"""An experiment through a real Airflow: its run is like any other, and green where it was carried out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from janitor.domain.experiment.experiment import Observed
from janitor.domain.states import RunPurpose, RunStatus
from janitor.services.airflow.client import AirflowRunState
from janitor.services.experiments.by_airflow import AirflowLaboratory, airflow_run_id_of
from janitor.services.experiments.repeated import repeated_validation
from janitor.services.report.run_list import latest_runs
from janitor.services.snapshot.take import take_snapshot
from tests.support.experiments import change_of, experiment_of
from tests.support.runs import SOON, Runs, by_name, eventually
from tests.support.workers import WorkerRepository, write_config


def test_a_failure_is_repeated_and_repaired_without_a_trace_in_the_fleets_history(
    runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    failing = workers["failing"]
    run = runs.start(write_config(tmp_path / "workers.yaml", [failing.entry()]))
    red = by_name(runs.finished(run))["failing-worker"]
    repeated = repeated_validation(runs.settings, red.validation_id)
    handler = failing.path / "handler.py"
    handler.write_text(handler.read_text().replace("raise RuntimeError('the model is gone')", "return {'echo': 1}"))
    patch = change_of(failing.path)
    before = take_snapshot(runs.settings, ask_airflow=False)

    laboratory = AirflowLaboratory(runs.settings, asked_by="test", pause=timedelta(seconds=1))
    control, patched = experiment_of(repeated), experiment_of(repeated, patch)
    for each in (control, patched):
        laboratory.ask(each)
    seen = laboratory.observe(control), laboratory.observe(patched)
    assert [each.observed for each in seen] == [Observed.RED, Observed.GREEN], [each.reason for each in seen]
    assert seen[0].signature == repeated.signature
    assert all(each.cost_usd is not None for each in seen)

    ids = [airflow_run_id_of(each.experiment_id) for each in (control, patched)]
    eventually(lambda: all(runs.state(one).is_final for one in ids) or None, within=SOON)
    assert [runs.state(one) for one in ids] == [AirflowRunState.SUCCESS] * 2
    listed = {each.airflow_run_id: each for each in latest_runs(runs.settings, 10)}
    assert [(listed[each].purpose, listed[each].status) for each in ids] == [
        (RunPurpose.EXPERIMENT, RunStatus.FAILED),
        (RunPurpose.EXPERIMENT, RunStatus.SUCCESS),
    ]
    after = take_snapshot(runs.settings, ask_airflow=False)
    assert (after.last_run, after.news, after.failing) == (before.last_run, before.news, before.failing)
    runs.assert_nothing_left()
