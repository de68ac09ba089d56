"""Maintenance on a real Airflow: a smoke run of twelve shards, ten at once, and a repair through kills."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.domain.states import ValidationStatus
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.maintenance.airflow_runs import MAINTENANCE_DAG_ID, airflow_run_id_of, start_in_airflow
from janitor.settings import Settings
from janitor.stack.state.layout import Layout
from janitor.stores import repairs as repair_store
from janitor.stores import shards as store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.dags.conftest import REQUIREMENTS
from tests.support.git_origins import Origin, fingerprint
from tests.support.maintenance import Broken, broken_run
from tests.support.processes import kill_processes
from tests.support.runs import Runs, eventually
from tests.support.workers import make_worker, write_config

ROOT = Path(__file__).resolve().parents[2]
SHARDS = 12
_LIMIT = timedelta(minutes=12)


def test_the_smoke_run_of_twelve_shards_passes_and_leaves_nothing(stack: Settings, tmp_path: Path) -> None:
    shared = [Broken(name=f"shared-{n}", reason="the same everywhere") for n in range(3)]
    own = [Broken(name=f"own-{n}", reason=f"KeyError: '{chr(97 + n)}'") for n in range(SHARDS - 3)]
    broken_run(stack, tmp_path / "origins", *shared, *own, Broken(name="lost", error=True))
    smoke = subprocess.run(
        [ROOT / "smoke_run.sh", "--maintenance"],
        cwd=ROOT,
        env={**stack.inherited, "PYTHONPATH": str(ROOT / "include"), "PARALLEL_LIMIT": "10"},
        capture_output=True,
        text=True,
        timeout=_LIMIT.total_seconds(),
        check=False,
    )
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr
    for verified in (
        f"{SHARDS} shards were worked on",
        "Every shard has a final state",
        "No shard failed by trouble of ours",
        "Airflow's run is a success",
        "No lease and no working tree of it is left",
    ):
        assert f"[SUCCESS] {verified}" in smoke.stdout
    [name] = re.findall(r"Smoke run passed: maintenance run (\S+)", smoke.stdout)

    with transaction(stack.reader_url) as connection:
        shards = store.of_run(connection, stack.deployment, airflow_run_id_of(name))
        assert lease_store.open_leases(connection, stack.deployment) == []
    assert len(shards) == SHARDS
    # No recipe is for an exit code: that is an outcome, and no failure.
    assert {shard.status for shard in shards} == {ShardStatus.COMPLETED}, [shard.error_message for shard in shards]
    assert all(str(shard.outcome).startswith("abstained: no model") for shard in shards)
    canary = next(shard for shard in shards if "shared" in shard.repository and shard.canary_of is None)
    followers = [shard for shard in shards if shard.canary_of == canary.shard_id]
    assert len(followers) == 2
    assert canary.completed_at is not None
    assert all(each.started_at is not None and each.started_at >= canary.completed_at for each in followers)
    # Beside the mirrors, what is kept of each shard is all that is on the disk.
    run_folders = list(stack.runs_root.glob("maintain__smoke*"))
    left = {Path(name).name for folder in run_folders for name, what in fingerprint(folder).items() if what != "folder"}
    assert left == {"baseline.json"}


def _is_called(part: str, title: str) -> bool:
    return part in title


HUB = {
    "title": "Worker",
    "description": "Counts words",
    "type": "serverless",
    "category": "language",
    "config": {"runsOn": "GPU", "containerDiskInGb": "20", "gpuCount": 1, "gpuIds": "ADA_24"},
}
"""Its disk is text where a number is documented."""


def test_a_red_worker_is_repaired_though_triggerer_and_scheduler_are_killed_meanwhile(
    stack: Settings, runs: Runs, tmp_path: Path
) -> None:
    worker = make_worker(tmp_path, "hub-worker", body="return {'echo': 1}", requirements=REQUIREMENTS)
    Origin(worker.path).commit({".runpod/hub.json": json.dumps(HUB, indent=4) + "\n"})
    view = runs.finished(runs.start(write_config(tmp_path / "workers.yaml", [worker.entry()])))
    [red] = view.validations
    assert (red.status, red.failing_check) == (ValidationStatus.FAILED, "hub_schema")

    airflow_run_id = start_in_airflow(stack, f"repair-{uuid4().hex[:8]}", {"repositories": ["hub-worker"]})
    with AirflowClient(stack, dag_id=MAINTENANCE_DAG_ID) as airflow:

        def is_proving() -> bool | None:
            states = {task: state for task, _, state in airflow.task_states(airflow_run_id)}
            return states.get("repair_shard.prove") == "deferred" or None

        for title in ("airflow triggerer", "airflow scheduler"):
            eventually(is_proving, within=_LIMIT)
            assert kill_processes(Layout.of(stack), partial(_is_called, title))
        eventually(lambda: airflow.state(airflow_run_id).is_final or None, within=_LIMIT)
        state = airflow.state(airflow_run_id)

    with transaction(stack.reader_url) as connection:
        [shard] = store.of_run(connection, stack.deployment, airflow_run_id)
        repair = repair_store.of_shard(connection, stack.deployment, shard.shard_id)
        assert lease_store.open_leases(connection, stack.deployment) == []
        asked = connection.execute(
            "select purpose from experiments where deployment = %s and asked_by = %s",
            (stack.deployment, shard.shard_id),
        ).fetchall()
    assert repair is not None
    assert (shard.status, state) == (ShardStatus.COMPLETED, AirflowRunState.SUCCESS), shard.error_message
    assert (repair.state, repair.published_as, repair.name) == (RepairState.PUBLISHED, "patch", "documents"), (
        repair.reason
    )
    # Whatever was killed, nothing was paid for twice.
    assert sorted(row["purpose"] for row in asked) == ["control", "patched"]
    assert '"containerDiskInGb": 20,' in str(repair.patch)
    runs.assert_nothing_left()
