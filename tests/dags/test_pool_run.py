"""A run whose repositories have a pool, on a real Airflow: they take turns on one worker, which outlives the run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.pool.states import TaskState, WorkerEnd
from janitor.domain.states import InstanceState, OwnerKind, RunStatus, ValidationStatus
from janitor.services.airflow.client import AirflowRunState
from janitor.services.pool.cycle import run_pass
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from tests.dags.conftest import REQUIREMENTS
from tests.support.runs import RUN_LIMIT, SOON, Runs, eventually
from tests.support.stack import running_stack
from tests.support.workers import WorkerRepository, make_worker, write_config

STARTS_WITHIN = timedelta(seconds=30)
"""A machine with a load of 20 included; `make pool-demo` holds it to five seconds."""
POOL: dict[str, Any] = {"name": "gpu", "max": 1, "idle_timeout_minutes": 0.05, "max_lifetime_minutes": 60}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment's own, with a pool of one worker."""
    folder = tmp_path_factory.mktemp("pooled")
    every: list[WorkerRepository] = [
        make_worker(folder, f"{name}-worker", body="return {'echo': job['input']['text']}", requirements=REQUIREMENTS)
        for name in ("first", "second")
    ]
    entries = [each.entry() for each in every]
    return write_config(folder / "workers.json", entries, default_timeout_minutes=5, pools=[POOL], default_pool="gpu")


@pytest.fixture(scope="module")
def pooled(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack of its own: pools are those of the deployment's configuration."""
    own = {"JANITOR_WORKER_WAIT_SECONDS": "4", "JANITOR_DEFAULT_CONFIG": str(config)}
    with running_stack(tmp_path_factory.mktemp("stack"), own) as settings:
        yield settings


def test_two_repositories_take_turns_on_one_worker(pooled: Settings, config: Path) -> None:
    runs = Runs(pooled)
    run = runs.start(config)
    eventually(lambda: runs.state(run.airflow_run_id).is_final or None, within=RUN_LIMIT)
    view = runs.view(run.airflow_run_id)
    assert view is not None
    assert (view.status, runs.state(run.airflow_run_id)) == (RunStatus.SUCCESS, AirflowRunState.SUCCESS), view
    assert {each.status for each in view.validations} == {ValidationStatus.SUCCESS}
    (machine,) = {each.instance_id for each in view.validations}
    with transaction(pooled.writer_url) as connection:
        (row,) = ledger.live_of_deployment(connection, pooled.deployment)
        (worker,) = workers.live(connection, pooled.deployment)
        ended = [tasks.of_validation(connection, each.validation_id) for each in view.validations]
        claims = connection.execute(
            "select t.command_started_at - c.claimed_at as took from task_claims c join turns t using (fence)"
            " where c.worker_id = %s order by c.fence",
            (worker.worker_id,),
        ).fetchall()
    # Its run is over, and it lives: nobody took it for the run's.
    assert (row.instance_id, row.run_id) == (machine, None)
    assert row.owner is not None
    assert (row.owner.kind, row.owner.id) == (OwnerKind.WORKER, worker.worker_id)
    assert [each.state for each in ended if each is not None] == [TaskState.DONE] * 2
    assert len(claims) == 2
    assert claims[1]["took"] < STARTS_WITHIN

    def is_empty() -> bool | None:
        run_pass(pooled)  # beside Airflow's own: one at a time, whoever makes it
        with transaction(pooled.writer_url) as connection:
            return not workers.live(connection, pooled.deployment) or None

    eventually(is_empty, within=SOON)
    with transaction(pooled.writer_url) as connection:
        assert ledger.live_of_deployment(connection, pooled.deployment) == []
        gone = ledger.row(connection, row.ledger_id)
        (over,) = workers.ended(connection, pooled.deployment, count=9)
    assert (gone.state, over.end_reason, over.tasks_done) == (InstanceState.TERMINATED, WorkerEnd.IDLE, 2)
