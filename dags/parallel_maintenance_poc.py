"""# parallel_maintenance_poc

Repairs what a run of validations found broken: each broken repository with its cause is a shard, several at once.

| task | does |
|---|---|
| `discover` | finds what is broken and is the repository's to mend, claims it, says what is left alone and why |
| `repair_shard.wait_for_turn` | waits for the canary of the cause and for a place; holds no worker |
| `repair_shard.propose` | looks for a repair in a leased working tree; the gate judges it |
| `repair_shard.prove` | green with the patch and red without, by the same validator; holds no worker meanwhile |
| `repair_shard.publish` | gives a proven repair to people, as the repository's configuration says |
| `repair_shard.release` | makes the shard final, always |
| `sweep` | removes what dead workers left, always |
| `verdict` | fails the run where nothing is known of a shard's repair, by trouble of ours |

The keys are `parallel_limit`, `run_ids`, `repositories`, `mode`, `max_cost_usd` and `dry_run`; all may be left out,
and any other is refused. A repair that is disproven, blocked or that nobody proposed is an outcome and no failure. The
same work without Airflow: `make maintain RUN_IDS=…`. What it did: `make shards`, `make repairs`. What to do about a red
run is in runbook.md, "Maintenance".
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import dag, task_group

from janitor.orchestration.failures import FailedForGood
from janitor.orchestration.maintenance import tasks
from janitor.orchestration.maintenance.params import maintenance_params
from janitor.orchestration.wiring import parsing_settings

parsing_settings()
RETRY = {
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(minutes=30),
    "retry_policy": FailedForGood(),
}
IN_GROUP = {**RETRY, "weight_rule": "upstream", "map_index_template": "{{ repository }}"}


@task_group  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
def repair_shard(planned: dict[str, str]) -> None:
    """One shard, from its turn to its end."""
    turn = tasks.wait_for_turn.override(**IN_GROUP)(planned)
    propose = tasks.ProposeOperator(task_id="propose", planned=planned, **IN_GROUP)
    prove = tasks.ProveOperator(task_id="prove", planned=planned, **IN_GROUP)
    publish = tasks.publish.override(**IN_GROUP)(planned)
    release = tasks.release.override(**IN_GROUP)(planned).as_teardown()
    turn >> propose >> prove >> publish >> release


@dag(  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=4,
    max_active_tasks=64,
    params=maintenance_params(),
    doc_md=__doc__,
    tags=["janitor"],
)
def parallel_maintenance_poc() -> None:
    """Wire the tasks. There is no dagrun_timeout: it would skip every teardown."""
    group = repair_shard.expand(planned=tasks.discover.override(**RETRY)())
    sweep = tasks.sweep.override(**RETRY)().as_teardown()
    group >> sweep >> tasks.verdict.override(**RETRY)().as_teardown(on_failure_fail_dagrun=True)
    # `group >> x` passes over the group's own teardown.
    group.dag.get_task("repair_shard.release") >> sweep


parallel_maintenance_poc()
