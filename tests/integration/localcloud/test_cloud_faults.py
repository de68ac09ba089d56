"""Faults on purpose: API errors in the service's own words, and machines that misbehave."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, tags, unique
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


@pytest.fixture(autouse=True)
def no_faults_left(server: LocalCloudServer) -> Iterator[None]:
    yield
    server.set_faults()


@pytest.mark.parametrize(
    ("api", "code", "status"),
    [
        ("RunInstances", "InsufficientInstanceCapacity", 500),
        ("RunInstances", "RequestLimitExceeded", 503),
        ("RunInstances", "UnauthorizedOperation", 403),
        ("RunInstances", "MaxSpotInstanceCountExceeded", 400),
        ("SendCommand", "ThrottlingException", 400),
        ("PutObject", "SlowDown", 503),
        ("CreateInstanceProfile", "ServiceUnavailable", 503),
    ],
)
def test_api_error_by_name(
    cloud: Cloud, server: LocalCloudServer, bucket: str, machine: str, api: str, code: str, status: int
) -> None:
    calls = {
        "RunInstances": cloud.launch,
        "SendCommand": lambda: cloud.send(machine, "true"),
        "PutObject": lambda: cloud.s3.put_object(Bucket=bucket, Key="k", Body=b"1"),
        "CreateInstanceProfile": lambda: cloud.iam.create_instance_profile(InstanceProfileName=unique("profile")),
    }
    server.set_faults({"api": api, "code": code, "times": 1})
    with pytest.raises(ClientError) as info:
        calls[api]()
    assert error_code(info) == code
    assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    calls[api]()  # the rule is used up


def test_rate_and_latency(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"api": "DescribeInstances", "code": "RequestLimitExceeded", "rate": 0})
    cloud.ec2.describe_instances(MaxResults=5)
    server.set_faults({"api": "DescribeInstances", "latency_seconds": 0.5})
    begun = time.monotonic()
    cloud.ec2.describe_instances(MaxResults=5)
    assert time.monotonic() - begun >= 0.5


def test_rules_are_listed_with_what_is_left(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"api": "DescribeInstances", "code": "Unavailable", "times": 2}, {"box": "die-after:5"})
    with pytest.raises(ClientError):
        cloud.ec2.describe_instances(MaxResults=5)
    api, box = server.faults()
    assert (api["api"], api["code"], api["times"]) == ("DescribeInstances", "Unavailable", 1)
    assert box["box"] == "die-after:5"


@pytest.mark.parametrize(
    "rule",
    [
        {"box": "no-such-fault"},
        {"box": "die-after:soon"},
        {"api": "RunInstances"},
        {"code": "X"},
        {"api": "RunInstances", "code": "X", "typo": 1},
        "RunInstances",
    ],
)
def test_wrong_rules_are_refused_and_the_old_stay(server: LocalCloudServer, rule: dict) -> None:
    server.set_faults({"api": "RunInstances", "code": "X", "times": 0})
    with pytest.raises(urllib.error.HTTPError) as info:
        server.set_faults(rule)
    assert info.value.code == 400
    assert len(server.faults()) == 1


def test_agent_never_online(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"box": "no-agent", "tags": {"Name": "broken-*"}})
    broken = cloud.launch(TagSpecifications=[tags("instance", Name="broken-1")])
    healthy = cloud.launch(TagSpecifications=[tags("instance", Name="healthy-1")])
    cloud.wait_online(healthy)
    cloud.wait_state(broken, "running")
    assert cloud.information(broken) is None
    with pytest.raises(ClientError) as info:
        cloud.send(broken, "true")
    assert error_code(info) == "InvalidInstanceId"


def test_hanging_command_ends_at_its_limit(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"box": "hang", "times": 1})
    instance_id = cloud.online()
    result = cloud.run(instance_id, "echo never", Parameters={"executionTimeout": ["1"]})
    assert (result["Status"], result["StandardOutputContent"]) == ("TimedOut", "")


def test_death_mid_run(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"box": "die-after:0.8", "times": 1})
    instance_id = cloud.online()
    command_id = cloud.send(instance_id, "sleep 300")
    ended = cloud.wait_state(instance_id, "terminated")
    assert ended["StateReason"]["Code"] == "Server.InternalError"
    assert cloud.invocation(command_id, instance_id)["Status"] == "InProgress"


def test_slow_boot(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"box": "slow-boot:1", "times": 1})
    begun = time.monotonic()
    instance_id = cloud.launch()
    assert cloud.state(instance_id) == "pending"
    eventually("running", lambda: cloud.state(instance_id) == "running")
    assert time.monotonic() - begun >= 1
