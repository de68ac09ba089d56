"""One shard from its claim to its end, by a laboratory that runs what it is given."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from janitor.domain.errors import LeaseHeldError
from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.services.maintenance.discovering import find_work
from janitor.services.maintenance.running import RunOrder, carry_out
from janitor.services.maintenance.work_shard import work_shard
from janitor.services.maintenance.workshop import Edge
from janitor.services.workspaces.leasing import run_lock
from janitor.services.workspaces.manager import Workspace
from janitor.settings import Settings
from janitor.stores import repairs as repair_store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.support.maintenance import MENDED, Broken, broken_run, discovered_and_claimed, small_workshop


def test_a_shard_is_repaired_proved_and_published(settings: Settings, tmp_path: Path) -> None:
    origins = broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "first")
    assert shard.shard_id == f"first/acme/worker-a/{shard.signature[:8]}"
    edges: list[str] = []
    shop = small_workshop(settings, tmp_path / "shop", reached=lambda _, edge: edges.append(edge.value))

    ended = work_shard(shop, shard.shard_id)

    assert (ended.status, ended.outcome) == (ShardStatus.COMPLETED, "published: exit codes [0, 1]")
    assert (ended.attempt, ended.cost_usd) == (1, Decimal("0.01"))
    assert edges == [edge.value for edge in Edge if edge is not Edge.CLAIMED]
    with transaction(settings.reader_url) as connection:
        repair = repair_store.of_shard(connection, settings.deployment, shard.shard_id)
        assert lease_store.open_leases(connection, settings.deployment) == []
    assert repair is not None
    assert (repair.state, repair.published_as, repair.files, repair.lines) == (RepairState.PUBLISHED, "patch", 1, 2)
    assert MENDED in Path(str(repair.url)).read_text()
    assert list(settings.runs_root.glob("*/trees/*")) == []
    kept = {path.name for path in settings.runs_root.glob("*/artefacts/*/*/*")}
    assert kept == {"baseline.json", "repair.patch"}
    assert str(ended.artefact_prefix) in str(next(settings.runs_root.glob("*/artefacts/*/*/*")))
    assert origins["acme/worker-a"].git("status", "--porcelain") == ""

    # A second run has nothing to do, and says why.
    [left] = find_work(settings, "second").left_alone
    assert "already repaired" in left.reason
    assert work_shard(shop, shard.shard_id) == ended


def test_what_nobody_can_propose_is_abstained(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a", handler="raise SystemExit(2)\n"))
    _, [shard] = discovered_and_claimed(settings, "first")
    ended = work_shard(small_workshop(settings, tmp_path / "shop"), shard.shard_id)
    assert (ended.status, ended.outcome) == (ShardStatus.COMPLETED, "abstained: no recipe is for this")
    [left] = find_work(settings, "second").left_alone
    assert "abstained already" in left.reason


def test_money_that_is_spent_ends_the_proof_before_it_begins(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"), Broken(name="worker-b", reason="another"))
    _, [first, second] = discovered_and_claimed(settings, "first")
    shop = small_workshop(settings, tmp_path / "shop", max_cost_usd=Decimal("0.01"))
    assert work_shard(shop, first.shard_id).outcome == "published: exit codes [0, 1]"
    assert work_shard(shop, second.shard_id).outcome == "inconclusive: the money of this run is spent"
    with transaction(settings.reader_url) as connection:
        assert repair_store.spent(connection, settings.deployment, "first") == Decimal("0.01")


def test_trouble_of_ours_fails_the_shard_with_its_error(settings: Settings, tmp_path: Path) -> None:
    origins = broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "first")
    origins["acme/worker-a"].path.rename(tmp_path / "gone")
    ended = work_shard(small_workshop(settings, tmp_path / "shop"), shard.shard_id)
    assert ended.status is ShardStatus.FAILED
    assert "git fetch" in str(ended.error_message)
    with transaction(settings.reader_url) as connection:
        assert lease_store.open_leases(connection, settings.deployment) == []


def test_a_defect_fails_its_shard_with_its_trace_and_no_other(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"), Broken(name="worker-b", reason="another"))
    shop = small_workshop(settings, tmp_path / "shop")

    def propose(failure: Failure, workspace: Workspace, *, shard_id: str) -> Proposal | Abstained:
        if "worker-a" in shard_id:
            raise ZeroDivisionError("of ours")
        return shop.propose(failure, workspace, shard_id=shard_id)

    answer = carry_out(replace(shop, propose=propose), RunOrder(run_id="night"))

    told = {shard.repository: shard.error_message or shard.outcome for shard in answer.shards}
    assert told == {"acme/worker-a": "ZeroDivisionError: of ours", "acme/worker-b": "published: exit codes [0, 1]"}
    assert [shard.repository for shard in answer.failed] == ["acme/worker-a"]
    [trace] = settings.runs_root.glob("night/artefacts/*/*/defect.txt")
    assert "in propose" in trace.read_text()
    with transaction(settings.reader_url) as connection:
        assert lease_store.open_leases(connection, settings.deployment) == []


def test_a_shard_has_one_worker(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "first")
    shop = small_workshop(settings, tmp_path / "shop")
    url = settings.writer_url
    with (
        run_lock(url, deployment=settings.deployment, run_id=shard.shard_id, holder=shop.manager.holder),
        pytest.raises(LeaseHeldError),
    ):
        work_shard(shop, shard.shard_id)
    assert work_shard(shop, shard.shard_id).status is ShardStatus.COMPLETED


def test_the_rows_refuse_what_an_older_fence_writes_and_a_second_live_shard(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "first")
    assert discovered_and_claimed(settings, "second")[1] == []
    work_shard(small_workshop(settings, tmp_path / "shop"), shard.shard_id)
    for statement in (
        "update janitor.shard_status set fence = 0 where shard_id = %s",
        "update janitor.shard_status set status = 'running' where shard_id = %s",
        "update janitor.repairs set state = 'proving' where shard_id = %s",
    ):
        with psycopg.connect(settings.writer_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(statement, (shard.shard_id,))
