"""The DAG has the shape that survives: teardowns without setups, a verdict at the end, no dagrun_timeout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from janitor.domain.run_conf import RUN_KEYS
from tests.support.dag_shape import described

ROOT = Path(__file__).resolve().parents[2]
_DESCRIBE = """
import json, sys
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" and tracing else None)
opened, tracing = [], False
import janitor.orchestration.operators.launch_operator, janitor.orchestration.operators.validate_operator
import janitor.orchestration.tasks
import janitor.orchestration.operators.terminate_operator, janitor.orchestration.schedule, janitor.orchestration.params
sys.path.insert(0, "dags")
tracing = True
import validate_workers
dag = validate_workers.validate_workers()
tracing = False
print(json.dumps({
    "tasks": {t.task_id: {"teardown": t.is_teardown, "fails_run": t.on_failure_fail_dagrun, "retries": t.retries,
                          "downstream": sorted(t.downstream_task_ids), "limit": str(t.execution_timeout),
                          "policy": type(t.retry_policy).__name__,
                          "links": [link.name for link in t.operator_extra_links],
                          "bases": [b.__name__ for b in type(t).__mro__]} for t in dag.tasks},
    "dagrun_timeout": dag.dagrun_timeout, "doc": dag.doc_md, "catchup": dag.catchup,
    "schedule": type(dag.timetable).__name__,
    "params": {k: dag.params.get_param(k).schema | {"description": dag.params.get_param(k).description}
               for k in dag.params},
    "opened": [p for p in opened if "site-packages" not in p and "/lib/python" not in p],
}))
"""


@pytest.fixture(scope="module", params=["", "0 3 * * *"], ids=["unscheduled", "nightly"])
def dag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAG as a fresh process sees it."""
    found = described(_DESCRIBE, tmp_path_factory.mktemp("home"), JANITOR_SCHEDULE=request.param)
    return {"asked_for": request.param, **found}


def test_teardowns_and_verdict(dag: dict[str, Any]) -> None:
    tasks = dag["tasks"]
    teardowns = {name for name, task in tasks.items() if task["teardown"]}
    assert teardowns == {"validate_repository.record", "validate_repository.terminate", "terminate_all", "verdict"}
    assert [name for name, task in tasks.items() if task["fails_run"]] == ["verdict"]
    assert tasks["terminate_all"]["downstream"] == ["verdict"]
    for name in ("validate_repository.record", "validate_repository.terminate", "validate_repository.validate"):
        assert "terminate_all" in tasks[name]["downstream"]
    assert dag["dagrun_timeout"] is None


def test_every_task_can_be_run_again_and_has_a_limit(dag: dict[str, Any]) -> None:
    for name, task in dag["tasks"].items():
        assert task["retries"] >= 2, name
        assert task["limit"] != "None", name
        # Else what failed for good would be tried again and again.
        assert task["policy"] == "FailedForGood", name


def test_launch_and_terminate_are_the_ec2_operators(dag: dict[str, Any]) -> None:
    assert "EC2CreateInstanceOperator" in dag["tasks"]["validate_repository.launch"]["bases"]
    for name in ("validate_repository.terminate", "terminate_all"):
        assert "EC2TerminateInstanceOperator" in dag["tasks"][name]["bases"]


def test_params_are_described(dag: dict[str, Any]) -> None:
    assert set(dag["params"]) == set(RUN_KEYS)
    for name, param in dag["params"].items():
        assert param["description"], name
        assert param["title"], name
        assert f"`{name}`" in dag["doc"], name
    assert "terminate_all" in dag["doc"]


def test_a_validation_has_a_button_to_its_log(dag: dict[str, Any]) -> None:
    assert dag["tasks"]["validate_repository.validate"]["links"] == ["Validator's log"]


def test_the_schedule_follows_the_setting(dag: dict[str, Any]) -> None:
    assert dag["schedule"] == ("CronTriggerTimetable" if dag["asked_for"] else "NullTimetable")
    assert dag["catchup"] is False


def test_parsing_opens_nothing_but_the_dag_file(dag: dict[str, Any]) -> None:
    others = [path for path in dag["opened"] if not path.endswith(("validate_workers.py", ".pyc"))]
    assert others == []
