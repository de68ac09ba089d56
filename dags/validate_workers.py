"""# validate_workers

Validates every repository of a workers config, each on an instance of its own, and leaves none behind.

| task | does |
|---|---|
| `plan` | reads and checks the config, writes the run |
| `validate_repository.launch` | takes a place, launches the instance or adopts it |
| `validate_repository.validate` | waits under the hard limit, writes the verdict; fails if it isn't a success |
| `validate_repository.record` | writes the verdict, the report and its checks where that isn't done yet |
| `validate_repository.terminate` | ends the instance |
| `terminate_all` | ends whatever is left of the run, always |
| `verdict` | fails the run if a repository isn't successful, a row is missing or an instance is left |

| trigger | how it names a config |
|---|---|
| the button above | the form's field *Configuration*; the other fields describe themselves |
| `make validate-all-workers` | `CONFIG=infra/workers-config.yaml REPO=… TIMEOUT_MINUTES=…` |
| `airflow dags trigger validate_workers` | `--conf '{"config_path": "infra/workers-config.yaml"}'` |
| REST, `POST /api/v2/dags/validate_workers/dagRuns` | `{"logical_date": null, "conf": {"config_path": "…"}}` |

The keys are `config_path`, `repository`, `timeout_minutes` and `max_concurrent_instances`; all may be left out.
`rerun_of` names a run to do again with the parameters that it had, `only_unsuccessful` takes of it only what was not
successful. `experiment` names an experiment that maintenance has written: the repository that it repeats, at the same
commit and on the same instance type, with one change. It counts for nothing in the repository's history, and its
run is green where it told something, be it that the repository is broken. Any other key is refused before anything
launches.

A failed repository's `validate` task says why in its log, and has a button that leads to the validator's own log; the
run's note has the totals. What to do about a red run is in runbook.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import dag, task_group

from janitor.orchestration.failures import FailedForGood
from janitor.orchestration.operators.launch_operator import LaunchValidationOperator
from janitor.orchestration.operators.terminate_operator import TerminateRunOperator, TerminateValidationOperator
from janitor.orchestration.operators.validate_operator import ValidateOperator
from janitor.orchestration.params import run_params
from janitor.orchestration.schedule import nightly
from janitor.orchestration.tasks import plan, record, verdict
from janitor.orchestration.wiring import parsing_settings

SETTINGS = parsing_settings()
# Two minutes of an AWS or a database that can't be asked are got over.
RETRY: dict[str, Any] = {
    "retries": 5,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=1),
    "execution_timeout": timedelta(minutes=10),
    "retry_policy": FailedForGood(),
}
# Finishing goes before starting: an instance that is done should not wait behind launches.
IN_GROUP = {**RETRY, "weight_rule": "upstream", "map_index_template": "{{ repository }}"}


@task_group  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
def validate_repository(planned: dict[str, str]) -> None:
    """One repository, from launch to termination."""
    launch = LaunchValidationOperator(task_id="launch", planned=planned, max_active_tis_per_dagrun=4, **IN_GROUP)
    validate = ValidateOperator(task_id="validate", planned=planned, **IN_GROUP)
    recorded = record.override(**IN_GROUP)(planned).as_teardown()
    terminate = TerminateValidationOperator(task_id="terminate", planned=planned, **IN_GROUP).as_teardown()
    launch >> validate >> [recorded, terminate]


@dag(  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
    schedule=nightly(SETTINGS.schedule),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=8,
    max_active_tasks=64,
    params=run_params(SETTINGS.default_config),
    doc_md=__doc__,
    tags=["janitor"],
)
def validate_workers() -> None:
    """Wire the tasks. There is no dagrun_timeout: it would skip every teardown."""
    group = validate_repository.expand(planned=plan.override(**RETRY)())
    terminate_all = TerminateRunOperator(task_id="terminate_all", **RETRY).as_teardown()
    group >> terminate_all >> verdict.override(**RETRY)().as_teardown(on_failure_fail_dagrun=True)
    # `group >> x` passes over the group's own teardowns.
    [group.dag.get_task(f"validate_repository.{name}") for name in ("record", "terminate")] >> terminate_all


validate_workers()
