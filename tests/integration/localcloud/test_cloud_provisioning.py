"""What Terraform asks beside the use of a service, so that a second plan finds nothing to do."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import unique
from tests.support.localcloud_server import LocalCloudServer

ACCOUNT = "123456789012"


@pytest.mark.local_only
def test_a_budget_keeps_its_tags_and_subscribers(server: LocalCloudServer) -> None:
    budgets, name = server.client("budgets"), unique("budget")
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    subscriber = {"SubscriptionType": "SNS", "Address": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"}
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget={
            "BudgetName": name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "50", "Unit": "USD"},
        },
        NotificationsWithSubscribers=[{"Notification": notification, "Subscribers": [subscriber]}],
        ResourceTags=[{"Key": "janitor:stack", "Value": "dev"}],
    )
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/{name}"
    found = budgets.describe_subscribers_for_notification(
        AccountId=ACCOUNT, BudgetName=name, Notification={**notification, "NotificationState": "OK"}
    )
    assert found["Subscribers"] == [subscriber]
    other = budgets.describe_subscribers_for_notification(
        AccountId=ACCOUNT, BudgetName=name, Notification={**notification, "Threshold": 90.0}
    )
    assert other["Subscribers"] == []
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "janitor:stack", "Value": "dev"}]
    budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "a", "Value": "b"}])
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["janitor:stack"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "a", "Value": "b"}]
    budgets.delete_budget(AccountId=ACCOUNT, BudgetName=name)


def test_a_templates_own_tags_are_not_what_it_launches(server: LocalCloudServer) -> None:
    ec2, name = server.client("ec2"), unique("template")
    tags = [{"Key": "janitor:stack", "Value": "dev"}]
    launched = [{"Key": "janitor:deployment", "Value": "dev"}]
    made = ec2.create_launch_template(
        LaunchTemplateName=name,
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
        LaunchTemplateData={
            "InstanceType": "g5.xlarge",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": launched}],
        },
    )
    assert made["LaunchTemplate"]["Tags"] == tags
    versions = ec2.describe_launch_template_versions(LaunchTemplateName=name, Versions=["$Default"])
    data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert data["TagSpecifications"] == [{"ResourceType": "instance", "Tags": launched}]
    ec2.delete_launch_template(LaunchTemplateName=name)


@pytest.mark.local_only
def test_a_bucket_that_wants_encrypted_connections_is_open_to_this_machine(server: LocalCloudServer) -> None:
    s3, name = server.client("s3"), unique("bucket")
    s3.create_bucket(Bucket=name)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
    unencrypted = {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [unencrypted]}))
    s3.put_object(Bucket=name, Key="one", Body=b"1")
    assert s3.head_object(Bucket=name, Key="one")["ContentLength"] == 1
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [unencrypted, deny]}))
    with pytest.raises(ClientError, match="403"):
        s3.head_object(Bucket=name, Key="one")
