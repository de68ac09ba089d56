"""The DAGs of maintenance have the shape that survives: teardowns without setups, a verdict at the end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.run_conf import MAINTENANCE_KEYS
from tests.support.dag_shape import described

ROOT = Path(__file__).resolve().parents[2]
_DESCRIBE = """
import json, sys
sys.path.insert(0, "dags")
import parallel_maintenance_poc, sweep_workspaces
def described(dag):
    return {
        "tasks": {t.task_id: {"teardown": t.is_teardown, "fails_run": t.on_failure_fail_dagrun, "retries": t.retries,
                              "downstream": sorted(t.downstream_task_ids), "limit": t.execution_timeout is not None,
                              "policy": type(t.retry_policy).__name__, "mode": getattr(t, "mode", None)}
                  for t in dag.tasks},
        "dagrun_timeout": dag.dagrun_timeout, "doc": dag.doc_md, "at_once": dag.max_active_runs,
        "params": {k: [dag.params[k], dag.params.get_param(k).description] for k in dag.params},
        "schedule": str(dag.schedule),
    }
print(json.dumps({
    "maintenance": described(parallel_maintenance_poc.parallel_maintenance_poc()),
    "sweep": described(sweep_workspaces.sweep_workspaces()),
}))
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs as a fresh process sees them."""
    return described(_DESCRIBE, tmp_path_factory.mktemp("home"), JANITOR_REAP_INTERVAL_SECONDS="120")


def test_a_shard_is_released_and_everything_swept_whatever_happens(dags: dict[str, Any]) -> None:
    tasks = dags["maintenance"]["tasks"]
    assert {name for name, task in tasks.items() if task["teardown"]} == {"repair_shard.release", "sweep", "verdict"}
    assert [name for name, task in tasks.items() if task["fails_run"]] == ["verdict"]
    order = ["wait_for_turn", "propose", "prove", "publish", "release"]
    for before, after in pairwise(order):
        assert f"repair_shard.{after}" in tasks[f"repair_shard.{before}"]["downstream"]
    assert "sweep" in tasks["repair_shard.release"]["downstream"]
    assert tasks["sweep"]["downstream"] == ["verdict"]
    assert tasks["repair_shard.wait_for_turn"]["mode"] == "reschedule", "it would hold a worker"
    assert dags["maintenance"]["dagrun_timeout"] is None
    for name, task in tasks.items():
        assert (task["retries"] >= 2, task["limit"], task["policy"]) == (True, True, "FailedForGood"), name


def test_the_keys_are_described(dags: dict[str, Any]) -> None:
    params, doc = dags["maintenance"]["params"], dags["maintenance"]["doc"]
    assert set(params) == set(MAINTENANCE_KEYS)
    assert all(description and f"`{name}`" in doc for name, (_, description) in params.items())
    assert params["parallel_limit"][0] == 10


def test_the_sweep_keeps_the_reapers_time(dags: dict[str, Any]) -> None:
    sweep = dags["sweep"]
    assert list(sweep["tasks"]) == ["sweep_everything"]
    assert sweep["schedule"] == "0:20:00"
    assert sweep["at_once"] == 1
    assert "`dry_run`" in sweep["doc"]
