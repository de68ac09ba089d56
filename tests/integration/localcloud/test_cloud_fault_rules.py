"""Faults that look at what a call asks for, that act after the effect, or that show what is no longer true."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.support.cloud import IMAGE_ID, Cloud, error_code, eventually, tags, unique
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

SPOT = {"MarketType": "spot"}


@pytest.fixture(autouse=True)
def no_faults_left(server: LocalCloudServer) -> Iterator[None]:
    yield
    server.set_faults()


def refused(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as info:
        call()
    return error_code(info), info.value.response["ResponseMetadata"]["HTTPStatusCode"]


def by_token(cloud: Cloud, token: str) -> list[str]:
    found = cloud.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])["Reservations"]
    ids = [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]
    cloud.launched += ids
    return ids


def test_client_that_dies_before_a_late_answer_has_launched(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"api": "RunInstances", "latency_after_seconds": 30, "times": 1})
    token = unique("token")
    impatient = dataclasses.replace(cloud, ec2=server.client("ec2", read_timeout=1), launched=[])
    with pytest.raises(ReadTimeoutError):
        impatient.launch(ClientToken=token)
    (instance_id,) = by_token(cloud, token)
    assert cloud.launch(ClientToken=token) == instance_id


def test_error_after_the_effect(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"api": "RunInstances", "code": "InternalError", "when": "after", "times": 1})
    token = unique("token")
    assert refused(lambda: cloud.launch(ClientToken=token)) == ("InternalError", 500)
    assert len(by_token(cloud, token)) == 1


@pytest.mark.parametrize(("when", "launched"), [("before", 0), ("after", 1)])
def test_dropped_connection(cloud: Cloud, server: LocalCloudServer, when: str, launched: int) -> None:
    server.set_faults({"api": "RunInstances", "drop": True, "when": when, "times": 1})
    token = unique("token")
    with pytest.raises(ConnectionClosedError):
        cloud.launch(ClientToken=token)
    assert len(by_token(cloud, token)) == launched


def test_patterns_and_services(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"api": "Describe*", "service": "ec2", "code": "Throttling"})
    assert refused(cloud.ec2.describe_instances) == ("RequestLimitExceeded", 503)
    assert refused(cloud.ec2.describe_volumes) == ("RequestLimitExceeded", 503)
    cloud.ssm.describe_instance_information()
    server.set_faults({"fault": "outage", "service": "ssm"})
    assert refused(cloud.ssm.describe_instance_information) == ("ServiceUnavailable", 503)
    cloud.ec2.describe_instances()
    server.set_faults({"fault": "outage"})
    assert refused(cloud.s3.list_buckets) == ("ServiceUnavailable", 503)
    assert refused(cloud.iam.list_roles) == ("ServiceUnavailable", 503)


@pytest.mark.parametrize(
    ("service", "call", "code", "status"),
    [
        ("ec2", "describe_instances", "RequestLimitExceeded", 503),
        ("ssm", "list_commands", "ThrottlingException", 400),
        ("s3", "list_buckets", "SlowDown", 503),
        ("scheduler", "list_schedules", "ThrottlingException", 400),
        ("lambda", "list_functions", "TooManyRequestsException", 429),
        ("sns", "list_topics", "Throttling", 400),
        ("cloudwatch", "describe_alarms", "Throttling", 400),
        ("events", "list_rules", "ThrottlingException", 400),
    ],
)
def test_throttling_in_each_services_words(
    server: LocalCloudServer, service: str, call: str, code: str, status: int
) -> None:
    server.set_faults({"fault": "throttling", "service": service})
    assert refused(getattr(server.client(service), call)) == (code, status)


def test_fault_ends_by_itself(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"api": "DescribeInstances", "code": "Unavailable", "for_seconds": 0.5})
    assert refused(cloud.ec2.describe_instances)[0] == "Unavailable"
    eventually("no fault left", lambda: not server.faults())
    cloud.ec2.describe_instances()


def test_capacity_narrowed_by_type_market_and_zone(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults(
        {"fault": "capacity", "instance_type": "g5.*", "availability_zone": "us-east-1a", "market": "spot"}
    )
    short = ("InsufficientInstanceCapacity", 500)
    zone_a, zone_b = {"AvailabilityZone": "us-east-1a"}, {"AvailabilityZone": "us-east-1b"}
    assert refused(lambda: cloud.launch(Placement=zone_a, InstanceMarketOptions=SPOT)) == short
    cloud.launch(Placement=zone_b, InstanceMarketOptions=SPOT)
    cloud.launch(Placement=zone_a)
    cloud.launch(Placement=zone_a, InstanceMarketOptions=SPOT, InstanceType="g6.xlarge")
    subnets = cloud.ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"]
    subnet = subnets[0]["SubnetId"]
    assert refused(lambda: cloud.launch(SubnetId=subnet, InstanceMarketOptions=SPOT)) == short
    server.set_faults({"api": "RunInstances", "code": "Unsupported", "match": {"subnet": subnet}})
    assert refused(lambda: cloud.launch(SubnetId=subnet)) == ("Unsupported", 400)
    cloud.launch()


def test_faults_see_the_launch_template(cloud: Cloud, server: LocalCloudServer) -> None:
    name = unique("template")
    cloud.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": IMAGE_ID, "InstanceType": "g5.xlarge", "InstanceMarketOptions": SPOT},
    )
    server.set_faults({"fault": "spot-capacity", "instance_type": "g5.xlarge"})
    template = {"LaunchTemplateName": name}
    assert refused(lambda: cloud.launch(LaunchTemplate=template))[0] == "InsufficientInstanceCapacity"
    cloud.launch(LaunchTemplate=template, InstanceType="g5.2xlarge")


def test_launches_by_tag(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"fault": "quota", "tags": {"Name": "janitor-a*"}})
    named = [tags("instance", Name="janitor-a1")]
    assert refused(lambda: cloud.launch(TagSpecifications=named)) == ("VcpuLimitExceeded", 400)
    cloud.launch(TagSpecifications=[tags("instance", Name="janitor-b1")])


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("capacity", "InsufficientInstanceCapacity", 500),
        ("quota", "VcpuLimitExceeded", 400),
        ("permission", "UnauthorizedOperation", 403),
        ("spot-capacity", "InsufficientInstanceCapacity", 500),
        ("spot-price", "SpotMaxPriceTooLow", 400),
        ("spot-quota", "MaxSpotInstanceCountExceeded", 400),
    ],
)
def test_launches_refused_by_name(cloud: Cloud, server: LocalCloudServer, fault: str, code: str, status: int) -> None:
    server.set_faults({"fault": fault})
    assert refused(lambda: cloud.launch(InstanceMarketOptions=SPOT)) == (code, status)
    if fault.startswith("spot"):
        cloud.launch()


def test_new_instances_are_not_described_at_once(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"fault": "describe-lag", "seconds": 2})
    begun = time.monotonic()
    token = unique("token")
    instance_id = cloud.launch(ClientToken=token)
    assert refused(lambda: cloud.describe(instance_id))[0] == "InvalidInstanceID.NotFound"
    assert by_token(cloud, token) == []
    eventually("described", lambda: by_token(cloud, token) == [instance_id])
    assert time.monotonic() - begun >= 2
    cloud.wait_state(instance_id, "running")


def test_instances_are_described_as_they_were(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"lag": "DescribeInstances", "seconds": 2})
    token = unique("token")
    instance_id = cloud.launch(ClientToken=token)
    eventually("described", lambda: by_token(cloud, token))
    cloud.wait_state(instance_id, "running")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    running = {"Name": "instance-state-name", "Values": ["running"]}
    found = cloud.ec2.describe_instances(InstanceIds=[instance_id], Filters=[running])["Reservations"]
    assert found[0]["Instances"][0]["State"]["Name"] == "running"
    server.set_faults()
    assert cloud.state(instance_id) in ("shutting-down", "terminated")
    cloud.wait_state(instance_id, "terminated")


def test_commands_are_listed_as_they_were(cloud: Cloud, server: LocalCloudServer, machine: str) -> None:
    server.set_faults({"fault": "command-lag", "seconds": 2})
    command_id = cloud.send(machine, "sleep 1")

    def listed() -> list[dict]:
        return cloud.ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"]

    assert listed() == []
    code, _ = refused(lambda: cloud.ssm.get_command_invocation(CommandId=command_id, InstanceId=machine))
    assert code == "InvocationDoesNotExist"
    assert eventually("listed", listed)[0]["Status"] == "InProgress"
    eventually("ended", lambda: listed()[0]["Status"] == "Success")


def test_invocation_is_told_as_it_was(cloud: Cloud, server: LocalCloudServer, machine: str) -> None:
    command_id = cloud.send(machine, "true")
    cloud.finished(command_id, machine)
    server.set_faults({"lag": "GetCommandInvocation", "seconds": 30})
    asked = {"CommandId": command_id, "InstanceId": machine}
    assert refused(lambda: cloud.ssm.get_command_invocation(**asked))[0] == "InvocationDoesNotExist"
    (listed,) = cloud.ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"]
    assert listed["Status"] == "Success"


def test_calls_are_counted_by_action(cloud: Cloud, server: LocalCloudServer) -> None:
    before = server.health()
    cloud.ec2.describe_instances()
    cloud.ec2.describe_instances()
    server.client("scheduler").list_schedules()
    after = server.health()
    assert after["calls"] == before["calls"] + 3
    for name, more in (("ec2:DescribeInstances", 2), ("scheduler:ListSchedules", 1)):
        assert after["calls_by_action"][name] - before["calls_by_action"].get(name, 0) == more


def command(server: LocalCloudServer, *arguments: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "localcloud", "faults", *arguments],
        env=server.process_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_faults_by_command(cloud: Cloud, server: LocalCloudServer) -> None:
    where = ("--url", server.endpoint_url, "--key-file", str(server.home / "key.json"))
    code, text, _ = command(server, *where, "set", '{"fault": "capacity", "times": 2}')
    assert (code, json.loads(text)[0]["times"]) == (0, 2)
    assert refused(cloud.launch)[0] == "InsufficientInstanceCapacity"
    code, text, _ = command(server, *where, "list")
    assert (code, json.loads(text)[0]["times"]) == (0, 1)
    code, _, text = command(server, *where, "set", '{"fault": "earthquake"}')
    assert code == 2
    assert "earthquake" in text
    assert "spot-capacity" in text
    assert len(server.faults()) == 1
    assert command(server, *where, "clear")[:2] == (0, "[]\n")
    assert server.faults() == []
    code, text, _ = command(server, "names")
    assert code == 0
    assert "describe-lag" in text
    code, _, text = command(server, "--url", "http://127.0.0.1:9", "--key-file", where[3], "list")
    assert code == 3
    assert "no local cloud answers" in text
    assert command(server, *where, "set", "no json")[0] == 2
    assert command(server, "list")[0] == 2


def test_spot_instance_ends_after_its_warning(cloud: Cloud, server: LocalCloudServer) -> None:
    server.set_faults({"fault": "spot-interruption", "seconds": 0.5, "warning_seconds": 1})
    begun = time.monotonic()
    on_demand, spot = cloud.launch(), cloud.launch(InstanceMarketOptions=SPOT)
    ended = cloud.wait_state(spot, "terminated")
    assert time.monotonic() - begun >= timedelta(seconds=1.5).total_seconds()
    assert ended["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert cloud.state(on_demand) == "running"


def test_interruption_on_demand_of_the_test(cloud: Cloud, server: LocalCloudServer) -> None:
    spot, on_demand = cloud.launch(InstanceMarketOptions=SPOT), cloud.launch()
    cloud.wait_state(spot, "running")
    order = {"instance_id": spot, "warning_seconds": 0.2}
    assert server.signed("POST", "/_localcloud/interrupt", json.dumps(order).encode()) == order
    assert cloud.wait_state(spot, "terminated")["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    for wrong in ({"instance_id": on_demand}, {"instance_id": "i-0"}, {}, {**order, "warning_seconds": "soon"}):
        with pytest.raises(urllib.error.HTTPError) as info:
            server.signed("POST", "/_localcloud/interrupt", json.dumps(wrong).encode())
        assert info.value.code == 400
