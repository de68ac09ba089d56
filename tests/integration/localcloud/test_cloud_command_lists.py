"""Listing commands, invocations and managed instances: filters and pages."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, tags, unique


def test_managed_instance_is_described(cloud: Cloud, machine: str) -> None:
    information = cloud.information(machine)
    assert information is not None
    assert (information["PingStatus"], information["PlatformType"]) == ("Online", "Linux")
    assert information["ResourceType"] == "EC2Instance"


def test_managed_instances_by_tag_and_page(cloud: Cloud) -> None:
    group = unique("group")
    ids = [cloud.launch(TagSpecifications=[tags("instance", Group=group)]) for _ in range(6)]
    for instance_id in ids:
        cloud.wait_online(instance_id)
    pages = list(
        cloud.ssm.get_paginator("describe_instance_information").paginate(
            Filters=[{"Key": "tag:Group", "Values": [group]}, {"Key": "PingStatus", "Values": ["Online"]}],
            PaginationConfig={"PageSize": 5},
        )
    )
    assert [len(page["InstanceInformationList"]) for page in pages] == [5, 1]
    assert {i["InstanceId"] for page in pages for i in page["InstanceInformationList"]} == set(ids)


def test_stopped_instance_has_lost_its_connection(cloud: Cloud) -> None:
    instance_id = cloud.online()
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "stopped")
    assert cloud.ping(instance_id) == "ConnectionLost"


def test_unknown_information_filter_is_refused(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as info:
        cloud.ssm.describe_instance_information(Filters=[{"Key": "NoSuchKey", "Values": ["x"]}])
    assert error_code(info) == "InvalidFilterKey"


def test_list_invocations_of_a_command(cloud: Cloud, machine: str) -> None:
    command_id = cloud.send(machine, "echo out; echo err >&2; exit 4")
    cloud.finished(command_id, machine)
    (plain,) = cloud.ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"]
    assert (plain["Status"], plain["InstanceId"], plain["CommandPlugins"]) == ("Failed", machine, [])
    (detailed,) = cloud.ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
    (plugin,) = detailed["CommandPlugins"]
    assert (plugin["ResponseCode"], plugin["Status"]) == (4, "Failed")
    assert "out\n" in plugin["Output"]
    assert "err\n" in plugin["Output"]
    command = cloud.ssm.list_commands(CommandId=command_id)["Commands"][0]
    assert (command["Status"], command["TargetCount"], command["CompletedCount"], command["ErrorCount"]) == (
        "Failed",
        1,
        1,
        1,
    )


def test_listed_output_is_cut(cloud: Cloud, machine: str) -> None:
    command_id = cloud.send(machine, "yes | head -c 10000")
    cloud.finished(command_id, machine)
    (entry,) = cloud.ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
    assert len(entry["CommandPlugins"][0]["Output"]) == 2_500


def test_filters_by_status_and_time(cloud: Cloud) -> None:
    instance_id = cloud.online()
    good, bad = cloud.send(instance_id, "true"), cloud.send(instance_id, "false")
    for command_id in (good, bad):
        cloud.finished(command_id, instance_id)

    def listed(**entry: str) -> tuple[set[str], set[str]]:
        arguments = {"InstanceId": instance_id, "Filters": [{"key": k, "value": v} for k, v in entry.items()]}
        commands = cloud.ssm.list_commands(**arguments)["Commands"]
        invocations = cloud.ssm.list_command_invocations(**arguments)["CommandInvocations"]
        return {c["CommandId"] for c in commands}, {i["CommandId"] for i in invocations}

    now = datetime.now(timezone.utc)
    before, after = ((now + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (-5, 5))
    assert listed(Status="Success") == ({good}, {good})
    assert listed(Status="Failed") == ({bad}, {bad})
    assert listed(InvokedAfter=before) == ({good, bad}, {good, bad})
    assert listed(InvokedAfter=after) == (set(), set())
    assert listed(InvokedBefore=after, Status="Failed") == ({bad}, {bad})


def test_invocations_come_in_pages_newest_first(cloud: Cloud) -> None:
    instance_id = cloud.online()
    sent = [cloud.send(instance_id, "true") for _ in range(5)]
    for command_id in sent:
        cloud.finished(command_id, instance_id)
    pages = list(
        cloud.ssm.get_paginator("list_command_invocations").paginate(
            InstanceId=instance_id, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["CommandInvocations"]) for page in pages] == [2, 2, 1]
    assert [i["CommandId"] for page in pages for i in page["CommandInvocations"]] == sent[::-1]


def test_page_larger_than_fifty_is_refused(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as info:
        cloud.ssm.list_command_invocations(MaxResults=51)
    assert error_code(info) == "ValidationException"
