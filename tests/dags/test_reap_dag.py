"""`reap_instances`: its shape, and that it ends what nobody works on by its schedule alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from janitor.cloud.session import CloudAccess
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_EXPIRES
from janitor.domain.states import InstanceState
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.provider import provider_of
from janitor.settings import Settings, load_dag_settings
from tests.support.dag_shape import described
from tests.support.runs import SOON, Runs, eventually

ROOT = Path(__file__).resolve().parents[2]
_DESCRIBE = """
import json, sys
opened, tracing = [], False
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" and tracing else None)
import croniter, janitor.orchestration.reap_tasks  # Airflow imports croniter for every timetable
sys.path.insert(0, "dags")
tracing = True
import reap_instances
dag = reap_instances.reap_instances()
tracing = False
(task,) = dag.tasks
print(json.dumps({
    "task": task.task_id, "retries": task.retries, "limit": task.execution_timeout.total_seconds(),
    "priority": task.priority_weight, "dagrun_timeout": dag.dagrun_timeout, "catchup": dag.catchup,
    "runs": dag.max_active_runs, "doc": dag.doc_md, "schedule": str(dag.schedule),
    "params": {k: dag.params.get_param(k).schema | {"description": dag.params.get_param(k).description}
               for k in dag.params},
    "opened": [p for p in opened if "site-packages" not in p and "/lib/python" not in p],
}))
"""


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAG as a fresh process sees it."""
    return described(_DESCRIBE, tmp_path_factory.mktemp("home"), JANITOR_REAP_INTERVAL_SECONDS="90")


def test_one_task_that_comes_again_soon(dag: dict[str, Any]) -> None:
    assert (dag["task"], dag["retries"], dag["runs"], dag["catchup"]) == ("reap", 0, 1, False)
    assert 0 < dag["limit"] <= 600
    assert dag["priority"] > 100
    assert dag["dagrun_timeout"] is None
    assert "reaper_events" in dag["doc"]
    assert dag["params"]["dry_run"]["type"] == "boolean"
    assert dag["params"]["dry_run"]["description"]


def test_the_schedule_follows_the_setting(dag: dict[str, Any]) -> None:
    assert "1:30" in dag["schedule"]
    assert load_dag_settings({}).reap_interval == timedelta(minutes=5)


def test_parsing_opens_nothing_but_the_dag_file(dag: dict[str, Any]) -> None:
    assert [path for path in dag["opened"] if not path.endswith(("reap_instances.py", ".pyc"))] == []


def _start_stranger(settings: Settings, expires_at: datetime) -> str:
    tags = {TAG_DEPLOYMENT: settings.deployment, TAG_EXPIRES: expires_at.isoformat()}
    answer = (
        CloudAccess.of(settings)
        .client("ec2")
        .run_instances(
            ImageId="ami-0123456789abcdef0",
            InstanceType="g4dn.xlarge",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )
    )
    instance_id: str = answer["Instances"][0]["InstanceId"]
    return instance_id


def test_it_ends_an_overdue_instance_by_itself(stack: Settings, runs: Runs) -> None:
    # Past its bound long ago, so that the timers outside Airflow could do no more than the reaper.
    instance_id = _start_stranger(stack, datetime.now(timezone.utc) - timedelta(hours=1))

    def ended() -> bool | None:
        seen = provider_of(stack).describe(instance_id)
        return seen is None or seen.state is InstanceState.TERMINATED or None

    eventually(ended, within=SOON)
    eventually(lambda: runs.assert_nothing_left() is None or None, within=SOON)


def test_a_dry_run_on_request_is_green(stack: Settings) -> None:
    airflow_run_id = f"test__{uuid4()}"
    with AirflowClient(stack.model_copy(update={"airflow_dag_id": "reap_instances"})) as airflow:
        airflow.trigger(airflow_run_id, {"dry_run": True})

        def ended() -> AirflowRunState | None:
            state = airflow.state(airflow_run_id)
            return state if state.is_final else None

        assert eventually(ended, within=SOON) is AirflowRunState.SUCCESS
        # The ones that the schedule has started, too.
        scheduled = [run for run in airflow.latest_runs() if run.startswith("scheduled__")]
        assert scheduled
