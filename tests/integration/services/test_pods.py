"""RunPod's pods beside EC2's instances: each provider's trouble is its own, and whoever ends everything ends both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from janitor.domain.config.fields import Market
from janitor.domain.errors import CloudError, DatabaseError, LaunchRefusedError
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.placement import ROUNDS
from janitor.domain.launch.provider import LaunchRequest, LaunchSource
from janitor.domain.pool.pool import Provider
from janitor.domain.states import InstanceState, OwnerKind, ReapEvidence, TerminationReason
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.deployment import live_instances
from janitor.services.ending.terminate import end_scope, scope_of
from janitor.services.launch.advance import Launched, NotYet, advance_launch
from janitor.services.provider import at_provider, runpod_of
from janitor.services.reap.kill import kill_all
from janitor.services.reap.passes import ReapError, reap_once
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.services.test_owners import VERIFY, Worker, latest, launch, read, worker
from tests.integration.services.test_reap_passes import NO_PAUSE, gone, launched, let_expire, quick, second_pass
from tests.support.localcloud_server import LocalCloudServer
from tests.support.runpod_server import RunPodServer

__all__ = ["quick"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunPodServer]:
    with RunPodServer(tmp_path_factory.mktemp("runpod") / "home", boot_delay=0.1) as running:
        yield running


@pytest.fixture
def both(quick: Settings, server: RunPodServer) -> Iterator[Settings]:
    """A deployment with instances of EC2 and pods of RunPod, whose guards don't run."""
    server.set_faults({"fault": "hangs"})
    settings = quick.model_copy(
        update={"runpod_api_url": server.api_url, "runpod_api_key": SecretStr(server.key), "runpod_image": "x"}
    )
    yield settings
    server.set_faults()
    for pod in server.alive(f"janitor-{settings.deployment}-"):
        assert server.ask("DELETE", f"/v2/pods/{pod['id']}")[0] == 204


def pod_request(settings: Settings, *, lives: timedelta) -> LaunchRequest:
    """A worker's pod."""
    now = datetime.now(timezone.utc)
    identity = LaunchIdentity(
        deployment=settings.deployment,
        owner=Owner(kind=OwnerKind.WORKER, id=uuid4()),
        run_id=None,
        generation=1,
        name="worker",
        repository_name=None,
        deadline_at=now + lives,
        expires_at=now + lives,
        intent_at=now,
    )
    return LaunchRequest(
        client_token=identity.client_token,
        generation=1,
        source=LaunchSource(image="x"),
        tags=identity.tags,
        instance_type="NVIDIA L4",
        market=Market.ON_DEMAND,
        subnet_id=None,
        user_data="",
        ends_itself_at=now + lives,
    )


def pod(settings: Settings, *, lives: timedelta) -> str:
    """One that nothing in the ledger is of."""
    runpod = runpod_of(settings)
    return runpod.launch(runpod.launch_parameters(pod_request(settings, lives=lives)))


# By the ledger


def pods_worker(**changes: Any) -> Worker:
    """A worker that wants a pod."""
    return worker(instance_types=("NVIDIA L4", "NVIDIA A40"), **changes)


def test_a_pod_is_intended_launched_adopted_and_ended_by_the_ledger(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    pod_id = launch(at, ordering)
    row = latest(at, ordering.owner)
    assert (row.instance_id, row.instance_type) == (pod_id, "NVIDIA L4")
    assert row.place is not None
    assert row.place.is_runpod
    assert row.launch_parameters["name"] == f"janitor-{both.deployment}-{ordering.owner.id.hex[:8]}-1"
    terms = read(both, "select price_usd_hour, volume_gib from janitor.instances where instance_id = %s", pod_id)
    assert [(term["price_usd_hour"], term["volume_gib"]) for term in terms] == [(Decimal("0.39"), 60)]
    # It has a mailbox, whose address is in no ledger.
    env = server.ask("GET", f"/v2/pods/{pod_id}")[1]["env"]
    assert "janitor-specs/pods/" in env["JANITOR_BOOTSTRAP_URL"]
    assert "JANITOR_BOOTSTRAP_URL" not in row.launch_parameters["env"]
    # Whoever comes later finds it, and an instance of EC2's is no concern of it.
    step = advance_launch(at, ordering)
    assert step == Launched(instance_id=pod_id, adopted=True)
    other = worker()
    instance_id = launch(both, other)
    assert {one.instance_id for one in live_instances(both)} == {pod_id, instance_id}
    assert end_scope(both, scope_of(ordering.owner), TerminationReason.FINISHED, timeout=NO_PAUSE).left == ()
    assert [one["id"] for one in mine(both, server)] == [pod_id]
    ending = end_scope(at, scope_of(ordering.owner), TerminationReason.FINISHED, timeout=VERIFY)
    assert (ending.terminated, ending.left) == ((pod_id,), ())
    row = latest(at, ordering.owner)
    assert (row.state, row.termination_reason) == (InstanceState.TERMINATED, TerminationReason.FINISHED)
    assert mine(both, server) == []
    assert not gone(both, instance_id)
    assert end_scope(both, scope_of(other.owner), TerminationReason.FINISHED, timeout=VERIFY).left == ()


def test_a_create_without_an_answer_is_one_pod_whoever_goes_on(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    server.set_faults(
        {"fault": "hangs"}, {"fault": "created-500", "times": 1}, {"fault": "slow-list", "seconds": 1, "times": 1}
    )
    with pytest.raises(CloudError, match="trying again with the same token"):
        launch(at, ordering)
    [made] = mine(both, server)
    assert latest(at, ordering.owner).state is InstanceState.INTENT
    assert launch(at, ordering) == made["id"]
    assert len(mine(both, server)) == 1
    assert latest(at, ordering.owner).generation == 1


def test_a_gpu_that_cant_be_had_is_followed_by_the_next(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    server.set_faults({"fault": "hangs"}, {"fault": "pool-403", "gpu": "NVIDIA L4"})
    launch(at, ordering)
    assert latest(at, ordering.owner).instance_type == "NVIDIA A40"
    assert ordering.told.count(("failed", "permission")) == 1
    # Of which the catalog says that there are none, that is tried last.
    server.set_faults({"fault": "hangs"}, {"fault": "capacity-400", "gpu": "NVIDIA L4"})
    told = pods_worker()
    launch(at, told)
    assert latest(at, told.owner).instance_type == "NVIDIA A40"
    assert told.told.count(("failed", "capacity")) == 0


def test_no_credit_and_no_spot_stop_a_launch_and_leave_no_intent(both: Settings, server: RunPodServer) -> None:
    at = at_provider(both, Provider.RUNPOD)
    server.set_faults({"fault": "balance-402"})
    with pytest.raises(LaunchRefusedError, match="balance"):
        launch(at, pods_worker())
    with pytest.raises(LaunchRefusedError, match="no spot pods"):
        launch(at, pods_worker(market=Market.SPOT))
    with transaction(both.writer_url) as connection:
        assert ledger.live_of_deployment(connection, both.deployment) == []
    assert mine(both, server) == []


def test_a_request_that_every_gpu_is_refused_for_is_wrong(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    server.set_faults({"fault": "rule-400"})
    for _ in range(ROUNDS * 2):
        assert isinstance(advance_launch(at, ordering), NotYet)
        with transaction(both.writer_url) as connection:  # the rounds are half a minute apart, and more
            connection.execute(
                "update placement_attempts set started_at = started_at - interval '2 minutes' where owner_id = %s",
                (ordering.owner.id,),
            )
    with pytest.raises(LaunchRefusedError, match="disk is too small") as refused:
        advance_launch(at, ordering)
    assert refused.value.reason_code is ReasonCode.LAUNCH_CONFIG
    assert mine(both, server) == []


def test_while_runpod_is_down_no_row_ends_and_nothing_is_launched(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    pod_id = launch(at, ordering)
    server.set_faults({"fault": "outage"})
    for _ in range(3):  # each pass fails alike
        with pytest.raises(ReapError):
            reap_once(both, recheck_pause=NO_PAUSE)
        with pytest.raises(CloudError):
            advance_launch(at, pods_worker())
        with transaction(both.writer_url) as connection:
            connection.execute("update instances set missing_since = missing_since - interval '1 hour'")
    assert latest(at, ordering.owner).state.is_live
    server.set_faults()
    reap_once(both, recheck_pause=NO_PAUSE)
    assert latest(at, ordering.owner).state.is_live
    assert [one["id"] for one in mine(both, server)] == [pod_id]


def test_a_pod_that_somebody_deleted_ends_its_row_at_the_second_look(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    pod_id = launch(at, ordering)
    assert server.ask("DELETE", f"/v2/pods/{pod_id}")[0] == 204
    first = reap_once(both, recheck_pause=NO_PAUSE)
    assert (first.missing, latest(at, ordering.owner).state.is_live) == ((pod_id,), True)
    with transaction(both.writer_url) as connection:
        connection.execute("update instances set missing_since = missing_since - interval '1 hour'")
    assert reap_once(both, recheck_pause=NO_PAUSE).vanished == (pod_id,)
    assert latest(at, ordering.owner).state is InstanceState.TERMINATED


def test_the_reaper_keeps_the_reason_of_a_pods_end(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    pod_id = launch(at, ordering)
    assert server.ask("POST", f"/v2/pods/{pod_id}/action", {"action": "stop"})[0] == 200
    assert reap_once(both, recheck_pause=NO_PAUSE).marked == (pod_id,)
    report = second_pass(both)
    assert (report.terminated, report.evidence[pod_id]) == ((pod_id,), ReapEvidence.STOPPED)
    row = latest(at, ordering.owner)
    assert (row.state, row.termination_reason) == (InstanceState.TERMINATED, TerminationReason.ORPHAN)
    assert mine(both, server) == []


def test_a_key_that_was_changed_ends_no_row_and_saves_no_instance(both: Settings, server: RunPodServer) -> None:
    at, ordering = at_provider(both, Provider.RUNPOD), pods_worker()
    launch(at, ordering)
    with transaction(both.writer_url) as connection:
        connection.execute(
            "update instances set place = 'runpod/key-000000000000/any' where owner_id = %s", (ordering.owner.id,)
        )
    validation_id, instance_id = launched(both)
    let_expire(both, validation_id)
    report = reap_once(both, recheck_pause=NO_PAUSE)
    assert report.terminated == (instance_id,)
    assert any("wrong place" in problem for problem in report.problems)
    assert latest(at, ordering.owner).state.is_live
    with pytest.raises(LaunchRefusedError, match="wrong place"):
        launch(at, pods_worker())
    launch(both, worker())  # EC2's place is where it was


# By name and environment


def test_a_pass_without_a_database_sweeps_pods_all_the_same(both: Settings, server: RunPodServer) -> None:
    overdue, young = pod(both, lives=timedelta(seconds=-1)), pod(both, lives=timedelta(hours=1))
    blind = both.model_copy(update={"database_url": SecretStr("postgresql://nobody:x@127.0.0.1:9/none")})
    with pytest.raises(DatabaseError):
        reap_once(blind, recheck_pause=NO_PAUSE)
    assert overdue != young
    assert [one["id"] for one in mine(both, server)] == [young]


def mine(settings: Settings, server: RunPodServer) -> list[dict[str, Any]]:
    """The deployment's pods that aren't deleted."""
    return server.alive(f"janitor-{settings.deployment}-")


def test_a_pass_ends_pods_that_are_overdue_and_leaves_the_others(both: Settings, server: RunPodServer) -> None:
    overdue, young = pod(both, lives=timedelta(seconds=-1)), pod(both, lives=timedelta(hours=1))
    looked = reap_once(both, dry_run=True, recheck_pause=NO_PAUSE)
    assert overdue in looked.would_terminate
    report = reap_once(both, recheck_pause=NO_PAUSE)
    assert (report.terminated, report.evidence[overdue]) == ((overdue,), ReapEvidence.OVERDUE)
    assert [one["id"] for one in server.alive(f"janitor-{both.deployment}-")] == [young]


def test_a_runpod_that_is_down_saves_no_instance_of_ec2s(both: Settings, server: RunPodServer) -> None:
    overdue = pod(both, lives=timedelta(seconds=-1))
    validation_id, instance_id = launched(both)
    let_expire(both, validation_id)
    server.set_faults({"fault": "outage"})
    assert [one.instance_id for one in live_instances(both)] == [instance_id]
    with pytest.raises(ReapError, match=r"pods: .*RunPod answered 503") as raised:
        reap_once(both, recheck_pause=NO_PAUSE)
    assert raised.value.report.terminated == (instance_id,)
    assert gone(both, instance_id)
    assert [one["id"] for one in server.alive(f"janitor-{both.deployment}-")] == [overdue]


def test_an_ec2_that_is_down_saves_no_pod(both: Settings, server: RunPodServer, cloud: LocalCloudServer) -> None:
    overdue = pod(both, lives=timedelta(seconds=-1))
    cloud.set_faults({"api": "DescribeInstances", "code": "Refused"})
    try:
        with pytest.raises(ReapError) as raised:
            reap_once(both, recheck_pause=NO_PAUSE)
    finally:
        cloud.set_faults()
    assert raised.value.report.terminated == (overdue,)
    assert server.alive(f"janitor-{both.deployment}-") == []


def test_the_emergency_stop_ends_both(both: Settings, server: RunPodServer) -> None:
    pod_id = pod(both, lives=timedelta(hours=1))
    _, instance_id = launched(both)
    report = kill_all(both, progress=lambda line: None)
    assert set(report.terminated) == {pod_id, instance_id}
    assert report.remaining == ()
    assert report.was[pod_id].startswith("worker ")
    assert server.alive(f"janitor-{both.deployment}-") == []


def test_the_emergency_stop_says_that_pods_may_be_left(both: Settings, server: RunPodServer) -> None:
    pod(both, lives=timedelta(hours=1))
    _, instance_id = launched(both)
    server.set_faults({"fault": "outage"})
    lines: list[str] = []
    report = kill_all(both, progress=lines.append, verify_for=timedelta(seconds=1))
    assert report.terminated == (instance_id,)
    assert "RunPod's pods may be left" in report.problems[0]
    assert any("RunPod's pods can't be ended" in line for line in lines)
