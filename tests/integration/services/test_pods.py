"""RunPod's pods beside EC2's instances: each provider's trouble is its own, and whoever ends everything ends both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from pydantic import SecretStr

from janitor.domain.config.fields import Market
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import LaunchRequest, LaunchSource
from janitor.domain.states import OwnerKind, ReapEvidence
from janitor.services.provider import runpod_of
from janitor.services.reap.kill import kill_all
from janitor.services.reap.passes import ReapError, reap_once
from janitor.settings import Settings
from tests.integration.services.test_reap_passes import NO_PAUSE, gone, launched, let_expire, quick
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


def pod(settings: Settings, *, lives: timedelta) -> str:
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
    runpod = runpod_of(settings)
    return runpod.launch(
        runpod.launch_parameters(
            LaunchRequest(
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
        )
    )


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
    assert report.was[pod_id] == "a pod with NVIDIA L4"
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
