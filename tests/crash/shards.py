"""The table "maintenance": while a fleet's instance lives, a worker of a shard dies at an edge, or its supervisor does.

Afterwards a sweep makes every shard final: no lease of it is held, no tree of it is left, and what a living holder has
is as it was. The run of the fleet is then judged as in every cell: maintenance may not touch it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from janitor.services.maintenance.sweeping import sweep_all
from janitor.services.maintenance.workshop import Edge as ShardEdge
from janitor.services.workspaces.leasing import run_lock
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.crash.cells import Blow, Cell, Edge
from tests.crash.tables import Scene, Table
from tests.crash.waiting import await_it
from tests.support.maintenance import ROOT, Broken, broken_run, discovered_and_claimed, start_worker

_LIMIT = timedelta(seconds=240)
"""Of the fleet's validation, which is held meanwhile."""
_DEAD_WITHIN = 180
_ENDED_WITHIN = timedelta(seconds=90)


class ShardDeath(Blow):
    """Who dies, and where."""

    LEASED = "worker, shard leased"
    CHECKED_OUT = "worker, tree there"
    WRITTEN = "worker, proposal written"
    PROVING = "worker, proof begins"
    PROVED = "worker, proof over"
    PUBLISHED = "worker, repair published"
    ENDED = "worker, shard ended"
    SUPERVISOR = "supervisor"


def _cells() -> Iterator[Cell]:
    for blow in ShardDeath:
        yield Cell(edge=Edge.RUNNING, blow=blow, timeout=_LIMIT)


def _strike(scene: Scene) -> None:
    blow = scene.cell.blow
    assert isinstance(blow, ShardDeath)
    settings, run_id = scene.stand.settings, f"crash-{uuid4().hex[:8]}"
    broken_run(settings, scene.folder / "origins", Broken(name=f"worker-{run_id}", reason=f"KeyError: '{run_id}'"))
    manager = WorkspaceManager.of(settings)
    url, deployment = settings.writer_url, settings.deployment
    with run_lock(url, deployment=deployment, run_id=f"alive-{run_id}", holder=manager.holder) as alive:
        if blow is ShardDeath.SUPERVISOR:
            _kill_the_supervisor(settings, run_id)
        else:
            _, [shard] = discovered_and_claimed(settings, run_id)
            edge = ShardEdge[blow.name]
            worker = start_worker(settings.inherited, scene.folder / "shop", shard.shard_id, die_at=edge)
            if worker.wait(_DEAD_WITHIN) != -signal.SIGKILL:
                scene.failures.append(f"(6) the worker did not die at {edge.value}: the cell shows nothing")
        scene.failures.extend(_left_after_a_sweep(settings, manager, run_id))
        if alive.is_lost:
            scene.failures.append("(6) a sweep took the lease of a living holder")


def _kill_the_supervisor(settings: Settings, run_id: str) -> None:
    """Kill it alone, without a chance to end what it has started; the process of the run finds out by itself."""
    argv = [sys.executable, "-m", "janitor.cli.main", "maintain", "--run-ids", run_id]
    env = dict(settings.inherited) | {"PYTHONPATH": str(ROOT / "include"), "JANITOR_ENV": settings.environment}
    process = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "claimed" in line:
            break
    process.kill()
    process.wait(_DEAD_WITHIN)
    process.stdout.close()
    await_it(lambda: not _held(settings, run_id) or None, within=_ENDED_WITHIN, what="the end of the run's own process")


def _held(settings: Settings, run_id: str) -> list[str]:
    with transaction(settings.reader_url) as connection:
        open_leases = lease_store.open_leases(connection, settings.deployment)
    return [str(lease.subject) for lease, _ in open_leases if lease.subject.run_id.split("/")[0] == run_id]


def _left_after_a_sweep(settings: Settings, manager: WorkspaceManager, run_id: str) -> list[str]:
    sweep_all(manager)
    with transaction(settings.reader_url) as connection:
        shards = store.of_run(connection, settings.deployment, run_id)
    found = [] if shards else ["(6) no shard was made: the cell shows nothing"]
    found += [f"(6) shard {each.shard_id} is {each.status.value}" for each in shards if not each.status.is_final]
    found += [f"(6) a lease is held: {each}" for each in _held(settings, run_id)]
    trees = list(Path(settings.runs_root).glob(f"{run_id}/trees/*"))
    return found + [f"(6) a tree is left: {each}" for each in trees]


TABLE = Table(title="Maintenance", blows=ShardDeath, cells=_cells, strike=_strike)
