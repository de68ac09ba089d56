"""The steps of a shard, each under a lease of its own, as the tasks of the DAG take them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from janitor.domain.repair.proposal import Failure, Proposal
from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.services.maintenance import steps
from janitor.services.maintenance.workshop import NotYetProved, Proved, Workshop
from janitor.settings import Settings
from janitor.stores import repairs as repair_store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.support.maintenance import Broken, broken_run, discovered_and_claimed, small_workshop


class Slow:
    """A proof that takes some looks."""

    def __init__(self, shop: Workshop, looks: int) -> None:
        self.shop, self.looks, self.asked = shop, looks, 0

    def __call__(
        self, failure: Failure, proposal: Proposal, *, shard_id: str, key: str, limit_usd: Decimal | None
    ) -> Proved:
        self.asked += 1
        if self.asked <= self.looks:
            raise NotYetProved("it goes on")
        return self.shop.prove(failure, proposal, shard_id=shard_id, key=key, limit_usd=limit_usd)


def held(settings: Settings) -> list[str]:
    with transaction(settings.reader_url) as connection:
        return [str(lease.subject) for lease, _ in lease_store.open_leases(connection, settings.deployment)]


def test_nothing_is_held_while_experiments_go_on(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "dag", airflow_run_id="dag")
    shop = small_workshop(settings, tmp_path / "shop")
    slow = Slow(shop, looks=2)
    shop = replace(shop, prove=slow)
    assert steps.may_begin(shop, shard.shard_id, most_at_once=1)
    steps.propose_shard(shop, shard.shard_id)
    for _ in range(2):
        with pytest.raises(NotYetProved):
            steps.prove_shard(shop, shard.shard_id)
        assert held(settings) == []
    proved = steps.prove_shard(shop, shard.shard_id)
    assert (proved.status, proved.attempt) == (ShardStatus.RUNNING, 1)
    steps.publish_shard(shop, shard.shard_id)
    ended = steps.release_shard(shop, shard.shard_id)
    assert (ended.status, ended.outcome) == (ShardStatus.COMPLETED, "published: exit codes [0, 1]")
    assert slow.asked == 3
    assert held(settings) == []


def test_a_proof_that_never_ends_is_inconclusive(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "dag", airflow_run_id="dag")
    shop = small_workshop(settings, tmp_path / "shop")
    shop = replace(shop, prove=Slow(shop, looks=1000))
    steps.propose_shard(shop, shard.shard_id)
    monkeypatch.setattr(steps, "PROOF_LIMIT", steps.PROOF_LIMIT * 0)
    steps.prove_shard(shop, shard.shard_id)
    ended = steps.release_shard(shop, shard.shard_id)
    assert (ended.status, ended.outcome) == (
        ShardStatus.COMPLETED,
        "inconclusive: its experiments were not over after 0 hours",
    )


def test_the_rest_of_a_cause_waits_for_its_canary_and_all_for_places(settings: Settings, tmp_path: Path) -> None:
    names = ("worker-a", "worker-b")
    others = [Broken(name=f"other-{n}", reason=f"KeyError: '{chr(97 + n)}'") for n in range(2)]
    broken_run(settings, tmp_path / "origins", *(Broken(name=name, reason="shared") for name in names), *others)
    _, shards = discovered_and_claimed(settings, "dag", airflow_run_id="dag")
    shop = small_workshop(settings, tmp_path / "shop")
    canary = next(s for s in shards if "worker" in s.repository and s.canary_of is None)
    follower = next(s for s in shards if s.canary_of == canary.shard_id)
    one, two = (s for s in shards if "other" in s.repository)
    assert not steps.may_begin(shop, follower.shard_id, most_at_once=10)
    assert steps.may_begin(shop, canary.shard_id, most_at_once=2)
    assert steps.may_begin(shop, one.shard_id, most_at_once=2)
    assert not steps.may_begin(shop, two.shard_id, most_at_once=2), "two are at work"
    assert not steps.may_begin(shop, follower.shard_id, most_at_once=10), "its canary is not over"
    steps.propose_shard(shop, canary.shard_id)
    steps.prove_shard(shop, canary.shard_id)
    steps.release_shard(shop, canary.shard_id)
    assert steps.may_begin(shop, follower.shard_id, most_at_once=2)
    assert not steps.may_begin(shop, two.shard_id, most_at_once=2)


def test_what_is_released_before_its_steps_are_over_has_failed(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "dag", airflow_run_id="dag")
    shop = small_workshop(settings, tmp_path / "shop")
    steps.may_begin(shop, shard.shard_id, most_at_once=1)
    steps.propose_shard(shop, shard.shard_id)
    ended = steps.release_shard(shop, shard.shard_id)
    assert (ended.status, ended.error_message) == (
        ShardStatus.FAILED,
        "its steps didn't come to their end; see their logs",
    )
    with transaction(settings.reader_url) as connection:
        repair = repair_store.of_shard(connection, settings.deployment, shard.shard_id)
    assert repair is not None
    assert repair.state is RepairState.INCONCLUSIVE
    assert steps.propose_shard(shop, shard.shard_id) == ended, "what is final stays as it is"
