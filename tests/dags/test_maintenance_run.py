"""A maintenance run on a real Airflow: twelve shards, ten at once; every shard final, nothing held, nothing left."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from janitor.domain.repair.states import ShardStatus
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.maintenance.airflow_runs import MAINTENANCE_DAG_ID
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.support.git_origins import fingerprint
from tests.support.maintenance import Broken, broken_run
from tests.support.runs import eventually

SHARDS = 12
_LIMIT = timedelta(minutes=12)


def test_twelve_shards_come_to_an_outcome_and_leave_nothing(stack: Settings, tmp_path: Path) -> None:
    shared = [Broken(name=f"shared-{n}", reason="the same everywhere") for n in range(3)]
    own = [Broken(name=f"own-{n}", reason=f"KeyError: '{chr(97 + n)}'") for n in range(SHARDS - 3)]
    broken_run(stack, tmp_path / "origins", *shared, *own, Broken(name="lost", error=True))
    airflow_run_id = f"test__{uuid4()}"

    with AirflowClient(stack, dag_id=MAINTENANCE_DAG_ID) as airflow:
        airflow.trigger(airflow_run_id, {"parallel_limit": 10})
        eventually(lambda: airflow.state(airflow_run_id).is_final or None, within=_LIMIT)
        state = airflow.state(airflow_run_id)
        tasks = airflow.task_states(airflow_run_id)

    with transaction(stack.reader_url) as connection:
        shards = store.of_run(connection, stack.deployment, airflow_run_id)
        assert lease_store.open_leases(connection, stack.deployment) == []
    assert len(shards) == SHARDS
    # No recipe is for an exit code: that is an outcome, and no failure.
    assert {shard.status for shard in shards} == {ShardStatus.COMPLETED}, [shard.error_message for shard in shards]
    assert all(str(shard.outcome).startswith("abstained: no model") for shard in shards)
    assert state is AirflowRunState.SUCCESS, json.dumps(tasks)
    canary = next(shard for shard in shards if "shared" in shard.repository and shard.canary_of is None)
    followers = [shard for shard in shards if shard.canary_of == canary.shard_id]
    assert len(followers) == 2
    assert canary.completed_at is not None
    assert all(each.started_at is not None and each.started_at >= canary.completed_at for each in followers)
    # Beside the mirrors, what is kept of each shard is all that is on the disk.
    run_folders = list(stack.runs_root.glob("test__*"))
    left = {Path(name).name for folder in run_folders for name, what in fingerprint(folder).items() if what != "folder"}
    assert left == {"baseline.json"}
