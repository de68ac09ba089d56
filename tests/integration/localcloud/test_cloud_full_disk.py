"""A full disk, made by a limit on the size of what the local cloud may write: what it can't keep leaves no trace."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, unique
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


@contextlib.contextmanager
def full_disk(server: LocalCloudServer) -> Iterator[None]:
    """No file of the local cloud can grow, as where no block is left."""
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


def test_a_command_whose_script_can_not_be_written_was_never_sent(cloud: Cloud, server: LocalCloudServer) -> None:
    instance_id = cloud.online()
    with full_disk(server), pytest.raises(ClientError) as info:
        cloud.send(instance_id, "echo lost", Comment="lost")
    assert error_code(info) == "InternalServerError"
    assert cloud.ssm.list_commands(InstanceId=instance_id)["Commands"] == []
    assert cloud.ssm.list_command_invocations(InstanceId=instance_id)["CommandInvocations"] == []
    boxes = server.home / "boxes" / instance_id / "var/ssm"
    assert list(boxes.iterdir()) == []
    assert cloud.run(instance_id, "echo found")["StandardOutputContent"] == "found\n"


def test_an_object_that_can_not_be_written_is_not_there(cloud: Cloud, server: LocalCloudServer, bucket: str) -> None:
    cloud.s3.put_object(Bucket=bucket, Key="old", Body=b"first")
    with full_disk(server):
        for key in ("old", "new"):
            with pytest.raises(ClientError) as info:
                cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"second")
            assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        other = unique("bucket")
        with pytest.raises(ClientError):
            cloud.s3.create_bucket(Bucket=other)
    listed = cloud.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in listed] == ["old"]
    assert cloud.s3.get_object(Bucket=bucket, Key="old")["Body"].read() == b"first"
    assert other not in [one["Name"] for one in cloud.s3.list_buckets()["Buckets"]]
    cloud.s3.put_object(Bucket=bucket, Key="new", Body=b"third")
    assert cloud.s3.get_object(Bucket=bucket, Key="new")["Body"].read() == b"third"


def test_a_schedule_that_can_not_be_kept_is_not_made(server: LocalCloudServer) -> None:
    client = server.client("scheduler")
    name = unique("timer")
    order = {
        "Name": name,
        "ScheduleExpression": "at(2099-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "Input": json.dumps({"InstanceIds": ["i-1"]}),
        },
    }
    client.list_schedules()
    with full_disk(server), pytest.raises(ClientError) as info:
        client.create_schedule(**order)
    assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert name not in [one["Name"] for one in client.list_schedules()["Schedules"]]
    client.create_schedule(**order)
    assert name in [one["Name"] for one in client.list_schedules()["Schedules"]]
    client.delete_schedule(Name=name)


def test_an_instance_that_gets_no_disk_is_none(cloud: Cloud, server: LocalCloudServer) -> None:
    def known() -> set[str]:
        found = cloud.ec2.describe_instances()["Reservations"]
        return {one["InstanceId"] for each in found for one in each["Instances"]}

    before = known()
    with full_disk(server), pytest.raises(ClientError) as info:
        cloud.launch()
    assert error_code(info) == "InternalError"
    assert known() == before
    assert cloud.wait_state(cloud.launch(), "running")


@pytest.mark.parametrize(("fault", "ping"), [("no-start", "Online"), ("agent-death", "ConnectionLost")])
def test_a_command_that_is_taken_and_never_starts(
    cloud: Cloud, server: LocalCloudServer, fault: str, ping: str
) -> None:
    server.set_faults({"fault": fault, "times": 1})
    try:
        instance_id = cloud.online()
        command_id = cloud.send(instance_id, "echo never")
        eventually("the ping", lambda: cloud.information(instance_id)["PingStatus"] == ping)  # type: ignore[index]  # it is there
        assert cloud.invocation(command_id, instance_id)["Status"] == "InProgress"
        assert not list((server.home / "records" / instance_id / command_id).iterdir())
    finally:
        server.set_faults()


def test_a_fault_can_be_narrowed_to_one_object(cloud: Cloud, server: LocalCloudServer, bucket: str) -> None:
    server.set_faults({"api": "PutObject", "path": f"/{bucket}/*.sign", "code": "AccessDenied"})
    try:
        cloud.s3.put_object(Bucket=bucket, Key="a/1.json", Body=b"1")
        with pytest.raises(ClientError) as info:
            cloud.s3.put_object(Bucket=bucket, Key="a/1.sign", Body=b"1")
        assert error_code(info) == "AccessDenied"
    finally:
        server.set_faults()
