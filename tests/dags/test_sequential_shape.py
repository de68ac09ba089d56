"""The DAG of a sequential run has the shape that survives: teardowns without setups, a verdict at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from janitor.domain.run_conf import SEQUENTIAL_KEYS
from tests.support.dag_shape import described

ROOT = Path(__file__).resolve().parents[2]
_DESCRIBE = """
import json, sys
sys.path.insert(0, "dags")
import run_janitor
dag = run_janitor.run_janitor()
print(json.dumps({
    "tasks": {t.task_id: {"teardown": t.is_teardown, "fails_run": t.on_failure_fail_dagrun, "retries": t.retries,
                          "downstream": sorted(t.downstream_task_ids), "limit": t.execution_timeout is not None,
                          "policy": type(t.retry_policy).__name__,
                          "bases": [b.__name__ for b in type(t).__mro__]} for t in dag.tasks},
    "dagrun_timeout": dag.dagrun_timeout, "doc": dag.doc_md, "at_once": dag.max_active_runs,
    "params": {k: bool(dag.params.get_param(k).description) for k in dag.params},
    "default": dag.params["config_path"],
}))
"""


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAG as a fresh process sees it."""
    return described(_DESCRIBE, tmp_path_factory.mktemp("home"), JANITOR_DEFAULT_REPOS_FILE="infra/mine.yaml")


def test_its_instance_is_ended_and_the_run_judged_whatever_happens(dag: dict[str, Any]) -> None:
    tasks = dag["tasks"]
    assert [name for name, task in tasks.items() if task["teardown"]] == ["terminate_all", "verdict"]
    assert [name for name, task in tasks.items() if task["fails_run"]] == ["verdict"]
    order = {name: task["downstream"] for name, task in tasks.items()}
    assert order == {
        "plan": ["launch"],
        "launch": ["validate_in_turn"],
        "validate_in_turn": ["terminate_all"],
        "terminate_all": ["verdict"],
        "verdict": [],
    }
    assert dag["dagrun_timeout"] is None
    assert dag["at_once"] == 1
    assert "EC2CreateInstanceOperator" in tasks["launch"]["bases"]
    assert "EC2TerminateInstanceOperator" in tasks["terminate_all"]["bases"]


def test_every_task_can_be_run_again_and_has_a_limit(dag: dict[str, Any]) -> None:
    for name, task in dag["tasks"].items():
        assert (task["retries"] >= 2, task["limit"], task["policy"]) == (True, True, "FailedForGood"), name


def test_its_keys_are_described(dag: dict[str, Any]) -> None:
    assert dag["params"] == dict.fromkeys(SEQUENTIAL_KEYS, True)
    assert all(f"`{name}`" in dag["doc"] for name in SEQUENTIAL_KEYS)
    assert dag["default"] == "infra/mine.yaml"
