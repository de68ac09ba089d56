"""Everything that `janitor doctor` sends is allowed by the controller's policy, on the resources that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from janitor.domain.findings import FindingLevel
from janitor.stack.provision.policies import read_policy
from tests.support.iam import is_allowed
from tests.support.iam_requests import Asked, Call, asked_of, calls_kept
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.whole_deployment import ROOT, Deployment, whole_deployment

ACCOUNT = "123456789012"
QUESTIONS = {
    *("sts:GetCallerIdentity", "servicequotas:GetServiceQuota", "iam:GetRole", "lambda:GetFunctionConfiguration"),
    *("cloudwatch:GetMetricStatistics", "scheduler:GetScheduleGroup", "logs:GetLogEvents", "logs:DescribeLogGroups"),
    *("ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeSubnets"),
    *("ec2:DescribeLaunchTemplateVersions", "ec2:RunInstances", "s3:HeadBucket", "s3:HeadObject"),
    *("ec2:DescribeVolumes", "cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic", "iam:GetRolePolicy"),
}


def values_of(deployment: Deployment) -> dict[str, str]:
    """What Terraform would put into the policy's places for this deployment."""
    settings, name = deployment.settings, str(deployment.settings.launch_template)
    templates = deployment.client("ec2").describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
    return {
        "account": ACCOUNT,
        "region": settings.region,
        "deployment": settings.deployment,
        "bucket": settings.bucket,
        "log_group": settings.log_group,
        "notice_prefix": "janitor-notices",
        "secrets_prefix": "janitor/",
        "schedule_group": str(settings.schedule_group),
        "reaper_function": str(settings.reaper_function),
        "ami_parameter": "/janitor/ami",
        "alarm_topic": deployment.topic.rpartition(":")[2],
        "instance_role": f"{name}-instance",
        "scheduler_role": str(settings.scheduler_role_arn).rpartition("/")[2],
        "launch_template": templates[0]["LaunchTemplateId"],
    }


def refused(policy: Mapping[str, object], asked: list[Asked]) -> set[tuple[str, str]]:
    return {
        (one.action, one.resource) for one in asked if not is_allowed(policy, one.action, one.resource, one.context)
    }


def test_the_controllers_policy_allows_all_of_it(
    cloud: LocalCloudServer, database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole_deployment(cloud, database, tmp_path) as deployment:
        values = values_of(deployment)
        with calls_kept(monkeypatch) as sent:
            found = deployment.findings()
            deployment.findings(log_group="/janitor-nowhere")  # which is told from one without streams by a list
    assert {each.level for of_subject in found.values() for each in of_subject} == {FindingLevel.OK}
    assert {f"{call.service}:{call.operation}" for call in sent} == QUESTIONS
    launches = [call for call in sent if call.operation == "RunInstances"]
    assert launches
    assert all(call.parameters["DryRun"] for call in launches)
    asked = [
        one for call in sent if "/janitor-nowhere" not in call.parameters.values() for one in asked_of(call, values)
    ]
    asked += asked_of(Call(service="logs", operation="DescribeLogGroups", parameters={}), values)
    policy = read_policy(ROOT, "controller", values)
    assert refused(policy, asked) == set()
    # The evaluation can fail: each statement that is taken away is missed by something, unless doctor never needs it.
    needed = {
        statement["Sid"]
        for statement in policy["Statement"]
        if refused({"Statement": [each for each in policy["Statement"] if each is not statement]}, asked)
    }
    assert {
        *("See", "LaunchMarked", "LaunchMarkedVolumes", "LaunchWith", "LaunchImages", "MarkWhatItLaunches"),
        *("GiveInstancesTheirRole", "AskForRoles", "AskWhetherTheKillersLive", "AskForMetricsAndQuotas"),
        *("SeeLogGroups", "ReadLogs", "SeeWhatIsMissing", "ReadAndWriteFiles", "ReadTheImagesName"),
    } <= needed
