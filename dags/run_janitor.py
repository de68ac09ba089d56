"""# run_janitor

Validates the repositories of a configuration one after another on ONE instance, with the deployment's cache volume.

| task | does |
|---|---|
| `plan` | reads and checks the configuration, writes the run |
| `launch` | launches the run's instance or adopts it: in the zone of the cache volume first, then in any other |
| `validate_in_turn` | attaches the cache volume; gives each repository its turn, and records how it ended |
| `terminate_all` | ends the instance, always |
| `verdict` | fails the run if a repository isn't successful, its log has an unexpected ERROR, or anything is left |

| trigger | how it names a configuration |
|---|---|
| the button above | the form's field *Configuration*; the other fields describe themselves |
| `make run-janitor` | `REPOS_FILE=infra/repos.yaml REPO=… TIMEOUT_MINUTES=…` |
| `airflow dags trigger run_janitor` | `--conf '{"config_path": "infra/repos.yaml"}'` |

The keys are `config_path`, `repository` and `timeout_minutes`; all may be left out. Another run is never under way at
the same time: it waits. A repository's failure stops no other; a lost instance is replaced, at most twice. The reports
are fetched by `make fetch-report`. What to do about a red run is in runbook.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import dag

from janitor.domain.states import TerminationReason
from janitor.orchestration.failures import FailedForGood
from janitor.orchestration.operators.terminate_operator import TerminateRunOperator
from janitor.orchestration.operators.turns_operator import LaunchRunOperator, ValidateInTurnOperator
from janitor.orchestration.params import sequential_params
from janitor.orchestration.sequential_tasks import plan_in_turn, verdict_in_turn
from janitor.orchestration.wiring import parsing_settings

# Two minutes of an AWS or a database that can't be asked are got over.
RETRY = {
    "retries": 5,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=1),
    "execution_timeout": timedelta(minutes=10),
    "retry_policy": FailedForGood(),
}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params=sequential_params(parsing_settings().default_repos_file),
    doc_md=__doc__,
    tags=["janitor"],
)
def run_janitor() -> None:
    """Wire the tasks. There is no dagrun_timeout: it would skip every teardown."""
    launch = LaunchRunOperator(task_id="launch", **RETRY)
    validate = ValidateInTurnOperator(task_id="validate_in_turn", **RETRY)
    terminate = TerminateRunOperator(task_id="terminate_all", reason=TerminationReason.FINISHED, **RETRY).as_teardown()
    verdict = verdict_in_turn.override(task_id="verdict", **RETRY)().as_teardown(on_failure_fail_dagrun=True)
    plan_in_turn.override(task_id="plan", **RETRY)() >> launch >> validate >> terminate >> verdict


run_janitor()
