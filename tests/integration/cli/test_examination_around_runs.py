"""`janitor doctor` of what stands around a run: its cache volume, the alarms, what an external timer may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from janitor.cloud.examine.watching import Subscribers
from janitor.domain.findings import Finding, FindingLevel
from janitor.services.examination.alarms import alarms, judged_topic
from janitor.services.examination.cache import cache_volume
from janitor.services.examination.timer_role import may_end, timer_role, trusts_group
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.whole_deployment import ZONE, Deployment, whole_deployment

GROUP = ":us-east-1:123456789012:schedule-group/janitor-dev"


@pytest.fixture(scope="module")
def deployment(
    cloud: LocalCloudServer, database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with whole_deployment(cloud, database, tmp_path_factory.mktemp("deployment")) as made:
        yield made


def only(found: Iterator[Finding], level: FindingLevel) -> Finding:
    every = list(found)
    assert len(every) == 1, every
    (finding,) = every
    assert finding.level is level, finding
    return finding


def volume(deployment: Deployment, of: str, **options: Any) -> str:
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "janitor:cache", "Value": of}]}]
    options = {"AvailabilityZone": ZONE, "Size": 50, "Encrypted": True, **options}
    return str(deployment.client("ec2").create_volume(TagSpecifications=tags, **options)["VolumeId"])


def of_another(deployment: Deployment, name: str) -> Settings:
    return deployment.settings.model_copy(update={"deployment": name})


def test_a_cache_volume_is_told_with_its_size_and_zone(deployment: Deployment) -> None:
    found = only(cache_volume(deployment.settings), FindingLevel.OK)
    assert found.message == f"{deployment.cache}, 50 GiB in {ZONE}, encrypted"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"AvailabilityZone": "us-east-1b"}, "no subnet is in its zone"),
        ({"Encrypted": False}, "it isn't encrypted"),
        ({"Size": 4}, "it is full after a worker or two"),
    ],
)
def test_a_cache_volume_that_is_of_little_use(deployment: Deployment, options: dict[str, Any], said: str) -> None:
    name = f"cache-{next(iter(options)).lower()}"
    made = volume(deployment, name, **options)
    found = only(cache_volume(of_another(deployment, name)), FindingLevel.NOTE)
    assert made in found.message
    assert said in found.message
    assert found.next_step


def test_no_cache_volume_and_one_too_many(deployment: Deployment) -> None:
    settings = of_another(deployment, "cache-none")
    assert "janitor:cache=cache-none" in only(cache_volume(settings), FindingLevel.NOTE).message
    first, second = volume(deployment, "cache-none"), volume(deployment, "cache-none")
    found = only(cache_volume(settings), FindingLevel.NOTE).message
    assert first in found
    assert second in found


def test_alarms_that_reach_nobody(deployment: Deployment) -> None:
    settings, sns = deployment.settings, deployment.client("sns")
    assert "tells 1 that have confirmed" in only(alarms(settings), FindingLevel.OK).message
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=deployment.topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    nobody = only(alarms(settings), FindingLevel.NOTE)
    assert "has no subscriber" in nobody.message
    assert deployment.topic in str(nobody.next_step)
    sns.subscribe(TopicArn=deployment.topic, Protocol="email", Endpoint="somebody@example.com")
    other = settings.model_copy(update={"reaper_function": "nowhere"})
    assert "none is called nowhere-" in only(alarms(other), FindingLevel.NOTE).message


def test_a_subscription_that_nobody_has_confirmed_tells_nobody() -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:janitor-dev-alarms"
    waiting = judged_topic(topic, Subscribers(confirmed=0, pending=1))
    assert waiting.level is FindingLevel.NOTE
    assert "nobody is told" in waiting.message
    assert "confirm" in str(waiting.next_step)
    assert judged_topic(topic, Subscribers(confirmed=1, pending=1)).level is FindingLevel.OK
    assert judged_topic(topic, None).level is FindingLevel.NOTE


def test_a_timers_role_that_would_end_nothing(deployment: Deployment) -> None:
    settings, iam = deployment.settings, deployment.client("iam")
    name = str(settings.scheduler_role_arn).rpartition("/")[2]
    assert "may end the instances" in only(timer_role(settings), FindingLevel.OK).message
    try:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
        assert "can't be taken on" in only(timer_role(settings), FindingLevel.PROBLEM).message
        ensure_killers(settings)
        iam.put_role_policy(RoleName=name, PolicyName="janitor", PolicyDocument=json.dumps(ending("another")))
        assert "may not ec2:TerminateInstances" in only(timer_role(settings), FindingLevel.PROBLEM).message
        iam.delete_role_policy(RoleName=name, PolicyName="janitor")
        assert "isn't told" in only(timer_role(settings), FindingLevel.NOTE).message
    finally:
        ensure_killers(settings)


def trust(service: str, **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


def ending(deployment: str | None, action: Any = "ec2:TerminateInstances", effect: str = "Allow") -> dict[str, Any]:
    tag = {"StringEquals": {"aws:ResourceTag/janitor:deployment": deployment}}
    statement = {"Effect": effect, "Action": action, "Resource": "*", **({"Condition": tag} if deployment else {})}
    return {"Version": "2012-10-17", "Statement": statement}


def test_who_a_trust_lets_in() -> None:
    ours, theirs = f"arn:aws:scheduler{GROUP}", f"arn:aws:scheduler{GROUP}-other"
    assert trusts_group(trust("scheduler.amazonaws.com"), GROUP)
    assert trusts_group(trust("scheduler.amazonaws.com", StringEquals={"aws:SourceArn": ours}), GROUP)
    assert trusts_group(trust("scheduler.amazonaws.com", ArnLike={"AWS:SourceArn": [theirs, ours[:-3] + "*"]}), GROUP)
    assert not trusts_group(trust("scheduler.amazonaws.com", StringEquals={"aws:SourceArn": theirs}), GROUP)
    assert not trusts_group(trust("ec2.amazonaws.com"), GROUP)
    assert not trusts_group({}, GROUP)


def test_whose_instances_a_policy_ends() -> None:
    assert may_end(ending("dev"), "dev")
    assert may_end(ending(None, ["ec2:Describe*", "ec2:*"]), "dev")
    assert not may_end(ending("prod"), "dev")
    assert not may_end(ending("dev", "ec2:StopInstances"), "dev")
    assert not may_end(ending("dev", effect="Deny"), "dev")
    assert not may_end({}, "dev")
