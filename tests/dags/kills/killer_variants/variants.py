"""`validate_workers` with its terminating tasks taken away, one or both: each has to be enough alone."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, dag, task_group

from janitor.orchestration.operators.launch_operator import LaunchValidationOperator
from janitor.orchestration.operators.terminate_operator import TerminateRunOperator, TerminateValidationOperator
from janitor.orchestration.operators.validate_operator import ValidateOperator
from janitor.orchestration.params import run_params
from janitor.orchestration.tasks import plan, record, verdict


def _variant(dag_id: str, *, group_terminates: bool, run_terminates: bool) -> DAG:
    @task_group
    def validate_repository(planned: dict[str, str]) -> None:
        launch = LaunchValidationOperator(task_id="launch", planned=planned)
        validate = ValidateOperator(task_id="validate", planned=planned)
        ends = [record(planned).as_teardown()]
        if group_terminates:
            ends.append(TerminateValidationOperator(task_id="terminate", planned=planned).as_teardown())
        launch >> validate >> ends

    @dag(
        dag_id=dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        params=run_params("infra/local/workers.yaml"),
    )
    def wired() -> None:
        group = validate_repository.expand(planned=plan())
        last = verdict().as_teardown(on_failure_fail_dagrun=True)
        ends = [
            group.dag.get_task(name)
            for name in ("validate_repository.record", "validate_repository.terminate")
            if name in group.dag.task_ids
        ]
        if run_terminates:
            terminate_all = TerminateRunOperator(task_id="terminate_all").as_teardown()
            group >> terminate_all >> last
            ends >> terminate_all
        else:
            group >> last
            ends >> last

    return wired()


only_the_group = _variant("only_the_group", group_terminates=True, run_terminates=False)
only_the_run = _variant("only_the_run", group_terminates=False, run_terminates=True)
neither = _variant("neither", group_terminates=False, run_terminates=False)
