"""DescribeInstances: filters, wildcards, pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import IMAGE_ID, Cloud, error_code, tags, unique


@pytest.fixture(scope="module")
def group(clients: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    """Six instances that share a tag: five g5 (one of them spot, one with a profile and token), one g6."""
    cloud = dataclasses.replace(clients, launched=[])
    name = unique("group")
    profile = cloud.iam.create_instance_profile(InstanceProfileName=unique("profile"))["InstanceProfile"]["Arn"]
    mark = [tags("instance", Group=name, Name="janitor-worker-a")]
    ids = {
        "plain": cloud.launch(TagSpecifications=mark),
        "spot": cloud.launch(TagSpecifications=mark, InstanceMarketOptions={"MarketType": "spot"}),
        "profiled": cloud.launch(TagSpecifications=mark, IamInstanceProfile={"Arn": profile}, ClientToken=name),
        "other": cloud.launch(TagSpecifications=mark, InstanceType="g6.xlarge"),
        "large": cloud.launch(TagSpecifications=mark, InstanceType="g5.2xlarge"),
        "image": cloud.launch(TagSpecifications=mark, ImageId="ami-00000000000000abc"),
    }
    yield name, {**ids, "profile": profile}
    cloud.terminate_launched()


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("instance-type", ["g5.*"], {"plain", "spot", "profiled", "large", "image"}),
        ("instance-type", ["g?.xlarge"], {"plain", "spot", "profiled", "other", "image"}),
        ("instance-type", ["g6.xlarge", "g5.2xlarge"], {"other", "large"}),
        ("instance-lifecycle", ["spot"], {"spot"}),
        ("iam-instance-profile.arn", ["{profile}"], {"profiled"}),
        ("client-token", ["{group}"], {"profiled"}),
        ("launch-time", ["2*T*"], {"plain", "spot", "profiled", "other", "large", "image"}),
        ("launch-time", ["1999-*"], set()),
        ("image-id", [IMAGE_ID], {"plain", "spot", "profiled", "other", "large"}),
        ("tag:Name", ["janitor-*"], {"plain", "spot", "profiled", "other", "large", "image"}),
        ("tag:Name", ["janitor"], set()),
        ("tag-key", ["Group"], {"plain", "spot", "profiled", "other", "large", "image"}),
        ("instance-state-name", ["pending", "running"], {"plain", "spot", "profiled", "other", "large", "image"}),
        ("instance-state-name", ["terminated"], set()),
        ("instance-id", ["{plain}"], {"plain"}),
    ],
)
def test_filters(
    cloud: Cloud, group: tuple[str, dict[str, str]], name: str, values: list[str], expected: set[str]
) -> None:
    group_name, ids = group
    filters = [
        {"Name": "tag:Group", "Values": [group_name]},
        {"Name": name, "Values": [value.format(group=group_name, **ids) for value in values]},
    ]
    found = {
        instance["InstanceId"]
        for reservation in cloud.ec2.describe_instances(Filters=filters)["Reservations"]
        for instance in reservation["Instances"]
    }
    assert found == {ids[key] for key in expected}


def test_unknown_filter_is_refused(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as info:
        cloud.ec2.describe_instances(Filters=[{"Name": "no-such-filter", "Values": ["x"]}])
    assert error_code(info) == "InvalidParameterValue"


def test_pages_hold_every_instance_once(cloud: Cloud, group: tuple[str, dict[str, str]]) -> None:
    group_name, ids = group
    pages = list(
        cloud.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:Group", "Values": [group_name]}], PaginationConfig={"PageSize": 5}
        )
    )
    seen = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    assert [len(page["Reservations"]) for page in pages] == [5, 1]
    assert sorted(seen) == sorted(value for key, value in ids.items() if key != "profile")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 5, "NextToken": "r-unknown"}, "InvalidNextToken"),
        ({"MaxResults": 5, "InstanceIds": ["{plain}"]}, "InvalidParameterCombination"),
    ],
)
def test_wrong_pages_are_refused(cloud: Cloud, group: tuple[str, dict[str, str]], arguments: dict, code: str) -> None:
    if "InstanceIds" in arguments:
        arguments = {**arguments, "InstanceIds": [group[1]["plain"]]}
    with pytest.raises(ClientError) as info:
        cloud.ec2.describe_instances(**arguments)
    assert error_code(info) == code
