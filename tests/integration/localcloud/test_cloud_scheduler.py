"""EventBridge Scheduler: schedules that fire, that are repeated when their target fails, and that end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, unique
from tests.support.functions import log_lines, make_function
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

TERMINATE = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
ROLE = "arn:aws:iam::123456789012:role/scheduler"


@pytest.fixture(autouse=True)
def no_faults_left(server: LocalCloudServer) -> Iterator[None]:
    yield
    server.set_faults()


@pytest.fixture
def group(server: LocalCloudServer) -> Iterator[str]:
    """A schedule group of the test's own."""
    name, client = unique("group"), server.client("scheduler")
    client.create_schedule_group(Name=name)
    yield name
    client.delete_schedule_group(Name=name)


def at(moment: datetime) -> str:
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def soon(seconds: float = 1) -> datetime:
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)


def schedule(server: LocalCloudServer, group: str, expression: str, target: dict[str, Any], **options: Any) -> str:
    name = unique("schedule")
    server.client("scheduler").create_schedule(
        Name=name,
        GroupName=group,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"RoleArn": ROLE, **target},
        **options,
    )
    return name


def terminating(*instance_ids: str, **options: Any) -> dict[str, Any]:
    return {"Arn": TERMINATE, "Input": json.dumps({"InstanceIds": instance_ids}), **options}


def names(server: LocalCloudServer, group: str) -> set[str]:
    found = server.client("scheduler").list_schedules(GroupName=group)["Schedules"]
    return {entry["Name"] for entry in found}


def test_one_time_schedule_terminates_an_instance_and_goes(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id = cloud.launch()
    due = soon(2).replace(microsecond=0)
    name = schedule(server, group, at(due), terminating(instance_id), ActionAfterCompletion="DELETE")
    assert names(server, group) == {name}
    eventually("fired", lambda: cloud.state(instance_id) in ("shutting-down", "terminated"))
    assert timedelta(0) <= datetime.now(timezone.utc) - due < timedelta(seconds=15)
    eventually("deleted", lambda: names(server, group) == set())
    cloud.wait_state(instance_id, "terminated")


def test_throttled_target_is_called_again(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id = cloud.launch()
    server.set_faults({"fault": "throttling", "api": "TerminateInstances", "times": 2})
    schedule(server, group, at(soon()), terminating(instance_id), ActionAfterCompletion="DELETE")
    cloud.wait_state(instance_id, "terminated")
    assert server.faults()[0]["times"] == 0
    eventually("deleted", lambda: names(server, group) == set())


def test_outage_is_waited_out(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id = cloud.launch()
    server.set_faults({"fault": "outage", "service": "ec2"})
    name = schedule(server, group, at(soon()), terminating(instance_id), ActionAfterCompletion="DELETE")
    eventually("an attempt", lambda: "ServiceUnavailable" in server.log_file.read_text().partition(name)[2])
    server.set_faults()
    cloud.wait_state(instance_id, "terminated")


def test_retries_end_where_the_policy_says(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id = cloud.launch()
    server.set_faults({"fault": "outage", "service": "ec2", "api": "TerminateInstances"})
    target = terminating(instance_id, RetryPolicy={"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60})
    schedule(server, group, at(soon()), target, ActionAfterCompletion="DELETE")
    eventually("deleted after the last attempt", lambda: names(server, group) == set())
    server.set_faults()
    assert cloud.state(instance_id) in ("pending", "running")


def test_wrong_call_is_not_repeated(server: LocalCloudServer, group: str) -> None:
    before = server.health()["calls_by_action"].get("ec2:TerminateInstances", 0)
    schedule(server, group, at(soon()), terminating("i-0123456789abcdef0"), ActionAfterCompletion="DELETE")
    eventually("deleted", lambda: names(server, group) == set())
    assert server.health()["calls_by_action"]["ec2:TerminateInstances"] == before + 1


def test_one_time_schedule_stays_and_fires_once(server: LocalCloudServer, group: str) -> None:
    arn = make_function(server, "def handler(event, context): print('got', event['n'], event['arn'])")
    target = {"Arn": arn, "Input": '{"n": 7, "arn": "<aws.scheduler.schedule-arn>"}'}
    name = schedule(server, group, at(soon()), target)
    eventually("invoked", lambda: [line for line in log_lines(server, arn) if line.startswith("got 7")])
    (line,) = [line for line in log_lines(server, arn) if line.startswith("got")]
    assert line.endswith(f":schedule/{group}/{name}")
    assert names(server, group) == {name}


def test_time_zone_counts(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id = cloud.launch()
    local = soon().astimezone(ZoneInfo("Asia/Tokyo"))
    schedule(server, group, at(local), terminating(instance_id), ScheduleExpressionTimezone="Asia/Tokyo")
    cloud.wait_state(instance_id, "terminated")


def test_rate_begins_at_its_start_date(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id = cloud.launch()
    schedule(server, group, "rate(1 hour)", terminating(instance_id), StartDate=soon(2))
    assert cloud.state(instance_id) in ("pending", "running")
    cloud.wait_state(instance_id, "terminated")


def test_disabled_schedule_waits_until_it_is_updated(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id, other = cloud.launch(), cloud.launch()
    disabled = schedule(server, group, at(soon(0)), terminating(instance_id), State="DISABLED")
    schedule(server, group, at(soon(0)), terminating(other))
    cloud.wait_state(other, "terminated")
    assert cloud.state(instance_id) in ("pending", "running")
    client = server.client("scheduler")
    client.update_schedule(
        Name=disabled,
        GroupName=group,
        ScheduleExpression=at(soon()),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"RoleArn": ROLE, **terminating(instance_id)},
    )
    assert client.get_schedule(Name=disabled, GroupName=group)["State"] == "ENABLED"
    cloud.wait_state(instance_id, "terminated")


def test_deleted_schedule_does_not_fire(server: LocalCloudServer, cloud: Cloud, group: str) -> None:
    instance_id, other = cloud.launch(), cloud.launch()
    name = schedule(server, group, at(soon(2)), terminating(instance_id))
    server.client("scheduler").delete_schedule(Name=name, GroupName=group)
    schedule(server, group, at(soon(3)), terminating(other))
    cloud.wait_state(other, "terminated")
    assert cloud.state(instance_id) == "running"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ScheduleExpression": "at(tomorrow)"}, "ValidationException"),
        ({"ScheduleExpression": "rate(5 seconds)"}, "ValidationException"),
        ({"ScheduleExpressionTimezone": "Mars/Base"}, "ValidationException"),
        ({"GroupName": "no-such-group"}, "ResourceNotFoundException"),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:describeInstances", "RoleArn": ROLE}},
            "ValidationException",
        ),
        ({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:noSuchThing", "RoleArn": ROLE}}, "ValidationException"),
        ({"Name": "taken"}, "ConflictException"),
    ],
)
def test_what_aws_refuses_is_refused(server: LocalCloudServer, group: str, change: dict, code: str) -> None:
    client = server.client("scheduler")
    arguments = {
        "Name": "taken",
        "GroupName": group,
        "ScheduleExpression": "rate(1 day)",
        "StartDate": soon(3600),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"RoleArn": ROLE, **terminating("i-0123456789abcdef0")},
    }
    client.create_schedule(**arguments)
    with pytest.raises(ClientError) as info:
        client.create_schedule(**{**arguments, "Name": unique("other"), **change})
    assert error_code(info) == code


def test_groups(server: LocalCloudServer, group: str) -> None:
    client = server.client("scheduler")
    with pytest.raises(ClientError) as info:
        client.create_schedule_group(Name=group)
    assert error_code(info) == "ConflictException"
    assert client.get_schedule_group(Name=group)["State"] == "ACTIVE"
    with pytest.raises(ClientError) as info:
        client.delete_schedule_group(Name="no-such-group")
    assert error_code(info) == "ResourceNotFoundException"
    with pytest.raises(ClientError) as info:
        client.get_schedule(Name="none", GroupName=group)
    assert error_code(info) == "ResourceNotFoundException"


def test_repeated_request_makes_one_schedule(server: LocalCloudServer, group: str) -> None:
    client = server.client("scheduler")
    arguments = {
        "Name": unique("once"),
        "GroupName": group,
        "ScheduleExpression": "rate(1 day)",
        "StartDate": soon(3600),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"RoleArn": ROLE, **terminating("i-0123456789abcdef0")},
        "ClientToken": unique("token"),
    }
    assert client.create_schedule(**arguments)["ScheduleArn"] == client.create_schedule(**arguments)["ScheduleArn"]
