"""The table "pool": two repositories that wait for one worker, and a blow at an edge of its life.

What is killed comes back; a machine that is lost or drained is replaced. Afterwards both repositories have their
verdict, and no machine, no worker, no task and no turn is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import psycopg

from janitor.domain.pool.states import TaskState, WorkerEnd
from janitor.services.pool.cycle import run_pass
from janitor.stores.database import transaction
from janitor.stores.pool import workers
from tests.crash.cells import POOL_EDGES, Blow, Cell, Component, Edge
from tests.crash.edges import Hold, Locked
from tests.crash.killers import kill
from tests.crash.observer import aws_client
from tests.crash.repositories import Gate
from tests.crash.stand import Stand
from tests.crash.tables import Scene, Table
from tests.crash.waiting import await_it
from tests.support.stack import airflow_client

_LIMIT = timedelta(seconds=240)
"""Of each: time for a component that comes back, and for a worker that is replaced."""
_HELD_SECONDS = 8
_REPOSITORIES = 2
_MOMENT_WITHIN = timedelta(seconds=180)
_DRAIN_WITHIN = timedelta(minutes=4)
_AT_WORK = ("queued", "running")


class InPool(Blow):
    """What befalls a pool."""

    TASKS = "tasks, the pass too"
    SCHEDULER = "the pool's scheduler"
    TRIGGERER = "the pool's triggerer"
    MACHINE = "its machine"


_KILLED: Mapping[InPool, Component] = {
    InPool.TASKS: Component.TASK,
    InPool.SCHEDULER: Component.SCHEDULER,
    InPool.TRIGGERER: Component.TRIGGERER,
}
_EDGES: Mapping[InPool, Sequence[Edge]] = {
    InPool.TASKS: POOL_EDGES,
    InPool.SCHEDULER: POOL_EDGES,
    InPool.TRIGGERER: POOL_EDGES,
    InPool.MACHINE: (Edge.POOL_RUN,),
}


def _cells() -> Iterator[Cell]:
    for blow, edges in _EDGES.items():
        for edge in edges:
            is_replaced = blow is InPool.MACHINE or edge is Edge.POOL_DRAIN
            yield Cell(
                edge=edge, blow=blow, repositories=_REPOSITORIES, timeout=_LIMIT, instances=2 if is_replaced else 1
            )


def _strike(scene: Scene) -> None:
    blow, stand = scene.cell.blow, scene.stand
    assert isinstance(blow, InPool)
    if blow is InPool.MACHINE:
        stand.end_instances([one.instance_id for one in scene.instances() if one.is_alive])
        return
    if blow is InPool.TRIGGERER and scene.cell.edge is Edge.POOL_RUN:
        _await_deferral(scene)
    if blow is InPool.TASKS:
        _await_pass(stand)
    kill(stand, _KILLED[blow])


def _await_deferral(scene: Scene) -> None:
    """The triggerer has something to lose only once a validation waits in it."""
    task = "validate_repository.validate"
    await_it(
        lambda: (
            any(
                scene.stand.runs.task_state(scene.airflow_run_id, task, index) == "deferred"
                for index in range(_REPOSITORIES)
            )
            or None
        ),
        within=_MOMENT_WITHIN,
        what="a validation in the triggerer",
    )


def _await_pass(stand: Stand) -> None:
    """Return when Airflow is about a pass; it may come by itself."""

    def is_at_work() -> bool | None:
        if not _passes(stand):
            start_pass(stand)
        return "running" in _passes(stand) or None

    await_it(is_at_work, within=_MOMENT_WITHIN, what="a pass in Airflow")


def start_pass(stand: Stand) -> None:
    """Have Airflow make a pass now. Raises httpx.HTTPError."""
    with airflow_client(stand.settings) as client:
        client.post("/api/v2/dags/gpu_pool/dagRuns", json={"logical_date": None}).raise_for_status()


def _passes(stand: Stand) -> list[str]:
    """The states of the passes that Airflow has not ended: a pass that is at work in it is `running`."""
    with airflow_client(stand.settings) as client:
        runs = client.get("/api/v2/dags/gpu_pool/dagRuns", params={"state": _AT_WORK, "limit": 5})
        runs.raise_for_status()
        found = []
        for run in runs.json()["dag_runs"]:
            tasks = client.get(f"/api/v2/dags/gpu_pool/dagRuns/{run['dag_run_id']}/taskInstances")
            tasks.raise_for_status()
            found += [str(task["state"]) for task in tasks.json()["task_instances"]]
        return found


class PoolHold(Hold):
    """One edge of a worker's life, held for a run whose repositories wait for one."""

    def instances(self, airflow_run_id: str) -> list[dict[str, Any]]:
        """The ledger's rows of the deployment's live workers: they belong to no run."""
        return self.stand.rows(
            "select i.* from instances i join workers w on i.owner_kind = 'worker' and i.owner_id = w.worker_id"
            " where i.deployment = %s and i.ended_at is null",
            self.stand.settings.deployment,
        )

    def tasks(self, airflow_run_id: str) -> list[dict[str, Any]]:
        """The run's tasks, with what is known of their validations."""
        return self.stand.rows(
            "select t.*, v.command_id, v.status as validation_status from tasks t"
            " join repository_validations v using (validation_id) join validation_runs r using (run_id)"
            " where r.airflow_run_id = %s",
            airflow_run_id,
        )

    def await_moment(self, airflow_run_id: str) -> None:
        """Return when the pool is at the edge. Raises NotInTimeError."""
        await_it(
            lambda: len(self.tasks(airflow_run_id)) == _REPOSITORIES or None,
            within=_MOMENT_WITHIN,
            what="two tasks in the pool's queue",
        )
        self.begin(airflow_run_id)
        super().await_moment(airflow_run_id)

    def begin(self, airflow_run_id: str) -> None:
        """Have a worker spawned; Airflow's own pass comes within a minute."""
        await_it(self._spawned, within=_MOMENT_WITHIN, what="a worker with a machine")

    def _spawned(self) -> bool | None:
        if not any(row["instance_id"] for row in self.instances("")):
            run_pass(self.stand.settings)
            return None
        return True

    def works(self, airflow_run_id: str) -> bool:
        """Whether a task's command was sent, and its handler waits at the gate."""
        return any(
            task["state"] == TaskState.RUNNING.value and task["validation_status"] == "running" and task["command_id"]
            for task in self.tasks(airflow_run_id)
        )


class Spawning(PoolHold):
    """spawning: in RunInstances, after its effect and before its answer"""

    rules = ({"api": "RunInstances", "latency_after_seconds": _HELD_SECONDS, "times": 1},)

    def begin(self, airflow_run_id: str) -> None:
        """By Airflow's pass, which can be killed."""
        start_pass(self.stand)

    def is_there(self, airflow_run_id: str) -> bool:
        """EC2 has the machine, and who asked for it doesn't know yet."""
        tokens = [row["client_token"] for row in self.instances(airflow_run_id) if row["state"] == "intent"]
        if not tokens:
            return False
        tagged = [{"Name": "client-token", "Values": tokens}]
        return bool(aws_client(self.stand.settings, "ec2").describe_instances(Filters=tagged)["Reservations"])


class Claiming(Locked, PoolHold):
    """claiming"""

    def lock(self, connection: psycopg.Connection[Any]) -> None:
        """No claim can have its turn, without which it isn't committed."""
        connection.execute("lock table turns in exclusive mode")


class AtWork(PoolHold):
    """at work on a task"""

    def is_there(self, airflow_run_id: str) -> bool:
        """A handler waits at its gate."""
        return self.works(airflow_run_id)


class Finishing(Locked, PoolHold):
    """finishing a task"""

    def lock(self, connection: psycopg.Connection[Any]) -> None:
        """Nothing is locked until a task is at work: claims take this lock, too."""

    def begin(self, airflow_run_id: str) -> None:
        """No task can be ended: its claim's row is written by a trigger."""
        super().begin(airflow_run_id)
        await_it(lambda: self.works(airflow_run_id) or None, within=_MOMENT_WITHIN, what="a task at work")
        assert self.connection is not None
        self.connection.execute("lock table task_claims in exclusive mode")
        self.gate.open()


class Draining(AtWork):
    """at work on a task, and to end after it"""

    def await_moment(self, airflow_run_id: str) -> None:
        """Drain it at work, as a person does. Raises NotInTimeError."""
        super().await_moment(airflow_run_id)
        settings = self.stand.settings
        with transaction(settings.writer_url) as connection:
            for worker in workers.live(connection, settings.deployment):
                drained = workers.drain(
                    connection, worker.worker_id, WorkerEnd.DRAINED, why="the cell drains it", within=_DRAIN_WITHIN
                )
                assert drained is not None
                assert drained.held is not None


class Terminating(PoolHold):
    """in TerminateInstances of a worker's machine"""

    gate_stays_shut = False
    rules = ({"api": "TerminateInstances", "latency_seconds": _HELD_SECONDS, "code": "ServiceUnavailable", "times": 1},)

    def __init__(self, stand: Stand, gate: Gate) -> None:
        super().__init__(stand, gate)
        self._are_over = False

    def is_there(self, airflow_run_id: str) -> bool:
        """The ledger says why it ends, and EC2 doesn't say yet that it has."""
        if any(row["termination_reason"] for row in self.instances(airflow_run_id)):
            return True
        self._are_over = self._are_over or all(task["ended_at"] for task in self.tasks(airflow_run_id))
        if self._are_over and not _passes(self.stand):
            start_pass(self.stand)
        return False


POOL_HOLDS: Mapping[Edge, type[Hold]] = {
    Edge.POOL_SPAWN: Spawning,
    Edge.POOL_CLAIM: Claiming,
    Edge.POOL_RUN: AtWork,
    Edge.POOL_FINISH: Finishing,
    Edge.POOL_DRAIN: Draining,
    Edge.POOL_TERMINATE: Terminating,
}
TABLE = Table(title="A pool", blows=InPool, cells=_cells, strike=_strike)
