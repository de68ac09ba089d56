"""Workers killed at each edge of a shard: the next try or a sweep makes it final, and nothing is left."""

from __future__ import annotations

from pathlib import Path

from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.services.maintenance.discovering import find_work
from janitor.services.maintenance.sweeping import sweep_all
from janitor.services.maintenance.work_shard import work_shard
from janitor.services.maintenance.workshop import Edge
from janitor.services.workspaces.leasing import run_lock
from janitor.services.workspaces.sweep import Swept
from janitor.settings import Settings
from janitor.stores import repairs as repair_store
from janitor.stores import shards as store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.support.maintenance import Broken, broken_run, discovered_and_claimed, small_workshop, start_worker

EDGES = [edge for edge in Edge if edge is not Edge.CLAIMED]
_PROVED = (Edge.PUBLISHING, Edge.PUBLISHED)
_DONE = (Edge.ENDING, Edge.ENDED)


def _killed_at_each(settings: Settings, environment: dict[str, str], folder: Path) -> dict[Edge, str]:
    """A shard for each edge, whose worker was killed there."""
    names = {edge: f"worker-{edge.value.replace('_', '-')}" for edge in Edge}
    broken = [Broken(name=name, reason=f"KeyError: '{name}'") for name in names.values()]
    broken_run(settings, folder / "origins", *broken)
    _, shards = discovered_and_claimed(settings, "killed")
    by_edge = {edge: next(s.shard_id for s in shards if s.repository == f"acme/{names[edge]}") for edge in Edge}
    workers = {edge: start_worker(environment, folder / "shop", by_edge[edge], die_at=edge) for edge in EDGES}
    for edge, worker in workers.items():
        assert worker.wait(180) == -9, f"the worker at {edge} was not killed"
        assert worker.stdout is not None
        worker.stdout.close()
    return by_edge


def test_killed_at_each_edge_a_sweep_makes_every_shard_final(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    shards = _killed_at_each(settings, environment, tmp_path)
    shop = small_workshop(settings, tmp_path / "shop")
    manager = shop.manager
    with run_lock(settings.writer_url, deployment=settings.deployment, run_id="alive", holder=manager.holder) as alive:
        swept = sweep_all(manager)
        assert [line for line in swept.lines if line.what not in (Swept.REMOVED, Swept.LIVE)] == []
        alive.require()
        assert [line.lease and line.lease.subject.run_id for line in swept.lines if line.what is Swept.LIVE] == [
            "alive"
        ]

    with transaction(settings.reader_url) as connection:
        assert lease_store.open_leases(connection, settings.deployment) == []
        assert store.live(connection, settings.deployment) == []
        found = {edge: store.find(connection, settings.deployment, shards[edge]) for edge in Edge}
        repairs = {edge: repair_store.of_shard(connection, settings.deployment, shards[edge]) for edge in Edge}
    assert list(settings.runs_root.glob("*/trees/*")) == []
    for edge in Edge:
        shard, repair = found[edge], repairs[edge]
        assert shard is not None
        assert shard.status is (ShardStatus.COMPLETED if edge is Edge.ENDED else ShardStatus.FAILED), edge
        if edge in _PROVED:
            assert repair is not None
            assert repair.state is RepairState.PROVEN, edge
        elif edge in _DONE:
            assert repair is not None
            assert repair.state is RepairState.PUBLISHED, edge
        else:
            assert repair is None or repair.state is RepairState.INCONCLUSIVE, edge

    # What is proven goes on to be published by the next run, and is proved no second time.
    experiments = (tmp_path / "shop" / "experiments").read_text()
    _, again = discovered_and_claimed(settings, "next")
    proven = {shard.shard_id: shard for shard in again if any(e.value in shard.repository for e in _PROVED)}
    assert len(proven) == len(_PROVED)
    # What the kill cut off says nothing of the cause: it is tried again.
    cut_off = [edge for edge, repair in repairs.items() if repair and repair.state is RepairState.INCONCLUSIVE]
    assert cut_off
    names = {f"acme/worker-{edge.value.replace('_', '-')}" for edge in cut_off}
    assert names <= {shard.repository for shard in again}
    for shard_id in proven:
        assert work_shard(shop, shard_id).outcome == "published: exit codes [0, 1]"
    assert (tmp_path / "shop" / "experiments").read_text() == experiments
    assert sum("already repaired" in left.reason for left in find_work(settings, "third").left_alone) == 4


def test_killed_at_each_edge_the_next_try_goes_on(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    shards = _killed_at_each(settings, environment, tmp_path)
    shop = small_workshop(settings, tmp_path / "shop")
    for edge in Edge:
        ended = work_shard(shop, shards[edge])
        assert (ended.status, ended.outcome) == (ShardStatus.COMPLETED, "published: exit codes [0, 1]"), edge
    sweep_all(shop.manager)
    with transaction(settings.reader_url) as connection:
        assert lease_store.open_leases(connection, settings.deployment) == []
    assert list(settings.runs_root.glob("*/trees/*")) == []
