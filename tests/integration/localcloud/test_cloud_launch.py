"""RunInstances: states, idempotent tokens, launch templates, checks."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import IMAGE_ID, INSTANCE_TYPE, Cloud, error_code, eventually, tag_values, tags, unique


def test_instance_goes_from_pending_to_running_to_online(cloud: Cloud) -> None:
    (instance,) = cloud.ec2.run_instances(ImageId=IMAGE_ID, InstanceType=INSTANCE_TYPE, MinCount=1, MaxCount=1)[
        "Instances"
    ]
    cloud.launched.append(instance["InstanceId"])
    assert instance["State"] == {"Code": 0, "Name": "pending"}
    assert cloud.information(instance["InstanceId"]) is None
    described = cloud.wait_state(instance["InstanceId"], "running")
    assert described["State"]["Code"] == 16
    assert described["ImageId"] == IMAGE_ID
    assert described["InstanceType"] == INSTANCE_TYPE
    cloud.wait_online(instance["InstanceId"])


def test_same_token_and_parameters_return_the_same_instance(cloud: Cloud) -> None:
    token = unique("token")
    first = cloud.launch(ClientToken=token)
    assert cloud.launch(ClientToken=token) == first
    assert cloud.describe(first)["ClientToken"] == token


def test_token_used_at_once_makes_one_instance(cloud: Cloud) -> None:
    token = unique("token")
    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(lambda _: cloud.launch(ClientToken=token), range(6)))
    assert len(ids) == 1
    found = cloud.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])["Reservations"]
    assert len(found) == 1


def test_same_token_with_other_parameters_is_refused(cloud: Cloud) -> None:
    token = unique("token")
    cloud.launch(ClientToken=token)
    with pytest.raises(ClientError) as info:
        cloud.launch(ClientToken=token, InstanceType="g6.xlarge")
    assert error_code(info) == "IdempotentParameterMismatch"


def test_token_of_a_terminated_instance_returns_that_instance(cloud: Cloud) -> None:
    token = unique("token")
    first = cloud.launch(ClientToken=token)
    cloud.ec2.terminate_instances(InstanceIds=[first])
    cloud.wait_state(first, "terminated")
    arguments = {"ImageId": IMAGE_ID, "InstanceType": INSTANCE_TYPE, "MinCount": 1, "MaxCount": 1}
    (again,) = cloud.ec2.run_instances(**arguments, ClientToken=token)["Instances"]
    assert (again["InstanceId"], again["State"]["Name"]) == (first, "terminated")


def test_failed_launch_leaves_its_token_unused(cloud: Cloud) -> None:
    token = unique("token")
    with pytest.raises(ClientError):
        cloud.launch(ClientToken=token, InstanceType="g5.nonsense")
    assert cloud.launch(ClientToken=token).startswith("i-")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"InstanceType": "g5.nonsense"}, "InvalidInstanceType"),
        ({"ImageId": "not-an-image"}, "InvalidAMIID.Malformed"),
        ({"UserData": "#!/bin/sh\n" + "x" * 16384}, "InvalidParameterValue"),
        ({"MinCount": 3, "MaxCount": 2}, "InvalidParameter"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0"}}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplate": {"LaunchTemplateName": "no-such-template"}}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"IamInstanceProfile": {"Name": "no-such-profile"}}, "InvalidParameterValue"),
    ],
)
def test_wrong_arguments_launch_nothing(cloud: Cloud, arguments: dict, code: str) -> None:
    token = unique("token")
    with pytest.raises(ClientError) as info:
        cloud.launch(**{"ClientToken": token, **arguments})
    assert error_code(info).startswith(code)
    found = cloud.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])["Reservations"]
    assert found == []


def test_dry_run_launches_nothing(cloud: Cloud) -> None:
    token = unique("token")
    with pytest.raises(ClientError) as info:
        cloud.launch(DryRun=True, ClientToken=token)
    assert error_code(info) == "DryRunOperation"
    found = cloud.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])["Reservations"]
    assert found == []
    assert cloud.launch(ClientToken=token).startswith("i-")  # the token stands for nothing yet


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"InstanceType": "g5.nonsense"}, "InvalidInstanceType"),
        ({"ImageId": "not-an-image"}, "InvalidAMIID.Malformed"),
        ({"UserData": "#!/bin/sh\n" + "x" * 16384}, "InvalidParameterValue"),
        ({"LaunchTemplate": {"LaunchTemplateName": "no-such-template"}}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"IamInstanceProfile": {"Name": "no-such-profile"}}, "InvalidParameterValue"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
    ],
)
def test_dry_run_finds_what_a_launch_would(cloud: Cloud, arguments: dict, code: str) -> None:
    with pytest.raises(ClientError) as info:
        cloud.launch(DryRun=True, **arguments)
    assert error_code(info).startswith(code)


def test_dry_run_looks_into_the_template(cloud: Cloud) -> None:
    vpc = cloud.ec2.create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
    other = cloud.ec2.create_vpc(CidrBlock="10.4.0.0/16")["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.3.0.0/24")["Subnet"]["SubnetId"]
    foreign = cloud.ec2.create_security_group(GroupName=unique("group"), Description="another", VpcId=other)["GroupId"]
    for data, code in (
        ({"SecurityGroupIds": [foreign]}, "InvalidParameter"),
        ({"IamInstanceProfile": {"Name": "no-such-profile"}}, "InvalidParameterValue"),
        ({"InstanceInitiatedShutdownBehavior": "terminate"}, "DryRunOperation"),
    ):
        name = unique("template")
        cloud.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
        with pytest.raises(ClientError) as info:
            cloud.launch(DryRun=True, ImageId=IMAGE_ID, SubnetId=subnet, LaunchTemplate={"LaunchTemplateName": name})
        assert error_code(info) == code


def test_max_count_instances_are_launched(cloud: Cloud) -> None:
    launched = cloud.ec2.run_instances(ImageId=IMAGE_ID, InstanceType=INSTANCE_TYPE, MinCount=1, MaxCount=3)
    cloud.launched += [instance["InstanceId"] for instance in launched["Instances"]]
    assert len(cloud.launched) == 3


@pytest.fixture
def profile(cloud: Cloud) -> str:
    name = unique("profile")
    arn = cloud.iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    return str(arn)


def test_launch_template_is_merged_whole(cloud: Cloud, profile: str) -> None:
    template = cloud.ec2.create_launch_template(
        LaunchTemplateName=unique("template"),
        LaunchTemplateData={
            "ImageId": IMAGE_ID,
            "InstanceType": "g6.xlarge",
            "UserData": base64.b64encode(b"#!/bin/sh\necho from the template\n").decode(),
            "InstanceInitiatedShutdownBehavior": "terminate",
            "InstanceMarketOptions": {"MarketType": "spot"},
            "IamInstanceProfile": {"Arn": profile},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "TagSpecifications": [tags("instance", Name="template", From="template"), tags("volume", Kind="root")],
        },
    )["LaunchTemplate"]
    instance_id = cloud.online(
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": "$Latest"},
        TagSpecifications=[tags("instance", Name="request")],
    )
    instance = cloud.describe(instance_id)
    assert (instance["ImageId"], instance["InstanceType"]) == (IMAGE_ID, "g6.xlarge")
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["IamInstanceProfile"]["Arn"] == profile
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    values = tag_values(instance)
    assert (values["Name"], values["From"]) == ("request", "template")
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert tag_values(cloud.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]) == {"Kind": "root"}
    behavior = cloud.ec2.describe_instance_attribute(
        InstanceId=instance_id, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    eventually(
        "user data of the template",
        lambda: "from the template" in cloud.ec2.get_console_output(InstanceId=instance_id).get("Output", ""),
    )


def test_request_wins_over_the_launch_template(cloud: Cloud, profile: str) -> None:
    name = unique("template")
    cloud.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={
            "ImageId": IMAGE_ID,
            "InstanceType": "g6.xlarge",
            "InstanceInitiatedShutdownBehavior": "terminate",
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 3},
        },
    )
    instance_id = cloud.launch(
        LaunchTemplate={"LaunchTemplateName": name},
        ImageId="ami-0fedcba9876543210",
        InstanceType="g5.2xlarge",
        InstanceInitiatedShutdownBehavior="stop",
        IamInstanceProfile={"Arn": profile},
        MetadataOptions={"HttpPutResponseHopLimit": 1},
    )
    instance = cloud.describe(instance_id)
    assert (instance["ImageId"], instance["InstanceType"]) == ("ami-0fedcba9876543210", "g5.2xlarge")
    assert instance["IamInstanceProfile"]["Arn"] == profile
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)
    behavior = cloud.ec2.describe_instance_attribute(
        InstanceId=instance_id, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_shutdown_behavior_is_stop_by_default(cloud: Cloud) -> None:
    instance_id = cloud.launch()
    behavior = cloud.ec2.describe_instance_attribute(
        InstanceId=instance_id, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_many_instances_launched_at_once_all_come_online(cloud: Cloud) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: cloud.launch(), range(8)))
    assert len(set(ids)) == 8
    for instance_id in ids:
        cloud.wait_online(instance_id)
