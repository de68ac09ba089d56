"""What the policies let each role do, by their conditions: its own deployment's instances, and nobody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from janitor.stack.provision.policies import FOLDER, read_policy
from tests.support.iam import Context, is_allowed

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "123456789012"
VALUES = {
    "account": ACCOUNT,
    "region": "us-east-1",
    "deployment": "dev",
    "bucket": "janitor-dev-bucket",
    "log_group": "/janitor-runner",
    "notice_prefix": "janitor-notices",
    "secrets_prefix": "janitor/dev/",
    "schedule_group": "janitor-dev",
    "reaper_function": "janitor-dev-reaper",
    "ami_parameter": "/janitor/dev/ami",
    "alarm_topic": "janitor-dev-alarms",
    "instance_role": "janitor-dev-instance",
    "scheduler_role": "janitor-dev-scheduler",
    "launch_template": "lt-1",
}
EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
INSTANCE = f"{EC2}:instance/i-1"
TAG = "janitor:deployment"
OWN: Context = {f"aws:ResourceTag/{TAG}": "dev", f"ssm:resourceTag/{TAG}": "dev", f"aws:RequestTag/{TAG}": "dev"}
OTHER: Context = {f"aws:ResourceTag/{TAG}": "prod", f"ssm:resourceTag/{TAG}": "prod", f"aws:RequestTag/{TAG}": "prod"}


def policy(name: str) -> dict[str, Any]:
    return read_policy(ROOT, name, VALUES)


CONTROLLER = policy("controller")


@pytest.mark.parametrize("role", ["controller", "scheduler", "reaper"])
def test_another_deployments_instance_can_not_be_terminated(role: str) -> None:
    action = "ec2:TerminateInstances"
    assert is_allowed(policy(role), action, INSTANCE, OWN)
    assert not is_allowed(policy(role), action, INSTANCE, OTHER)
    assert not is_allowed(policy(role), action, INSTANCE, {})
    assert not is_allowed(policy(role), action, INSTANCE.replace(ACCOUNT, "210987654321"), OWN)
    assert not is_allowed(policy(role), action, INSTANCE.replace("us-east-1", "eu-west-1"), OWN)


def test_another_deployments_instance_gets_no_command() -> None:
    assert is_allowed(CONTROLLER, "ssm:SendCommand", INSTANCE, OWN)
    assert not is_allowed(CONTROLLER, "ssm:SendCommand", INSTANCE, OTHER)
    assert not is_allowed(CONTROLLER, "ssm:SendCommand", INSTANCE, {})
    document = "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
    assert is_allowed(CONTROLLER, "ssm:SendCommand", document)
    assert not is_allowed(CONTROLLER, "ssm:SendCommand", document.replace("RunShellScript", "RunRemoteScript"))


def test_nobody_can_take_another_deployments_instance_over_by_its_tags() -> None:
    """Who could set the tag could then do everything else."""
    keep, own = "janitor:keep-until", {**OWN, "aws:TagKeys": ["janitor:keep-until"]}
    assert is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, own)
    assert not is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, {**OTHER, "aws:TagKeys": [keep]})
    assert not is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, {**OWN, "aws:TagKeys": [keep, TAG]})
    assert not is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, {**OTHER, "aws:TagKeys": [TAG]})
    assert not is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, OWN)
    while_launching = {**OWN, "ec2:CreateAction": "RunInstances", "aws:TagKeys": [TAG]}
    assert is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, while_launching)
    assert not is_allowed(CONTROLLER, "ec2:CreateTags", INSTANCE, {**while_launching, "ec2:CreateAction": "RunTask"})


def test_the_cache_is_attached_to_own_instances_alone() -> None:
    volume, own = f"{EC2}:volume/vol-1", {"aws:ResourceTag/janitor:cache": "dev"}
    assert is_allowed(CONTROLLER, "ec2:AttachVolume", volume, own)
    assert is_allowed(CONTROLLER, "ec2:AttachVolume", INSTANCE, OWN)
    assert not is_allowed(CONTROLLER, "ec2:AttachVolume", INSTANCE, OTHER)
    assert not is_allowed(CONTROLLER, "ec2:AttachVolume", volume, {"aws:ResourceTag/janitor:cache": "prod"})
    assert not is_allowed(CONTROLLER, "ec2:AttachVolume", volume, OWN)
    assert not is_allowed(CONTROLLER, "ec2:DetachVolume", volume, own)


def test_only_what_is_marked_and_safe_is_launched() -> None:
    marked = {**OWN, "ec2:MetadataHttpTokens": "required"}
    assert is_allowed(CONTROLLER, "ec2:RunInstances", INSTANCE, marked)
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", INSTANCE, {**OTHER, "ec2:MetadataHttpTokens": "required"})
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", INSTANCE, {"ec2:MetadataHttpTokens": "required"})
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", INSTANCE, {**OWN, "ec2:MetadataHttpTokens": "optional"})
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", f"{EC2}:volume/vol-1", OTHER)
    image = "arn:aws:ec2:us-east-1::image/ami-1"
    assert is_allowed(CONTROLLER, "ec2:RunInstances", image, {"ec2:Owner": ACCOUNT})
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", image, {"ec2:Owner": "210987654321"})
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", f"{EC2}:launch-template/lt-2")
    assert not is_allowed(CONTROLLER, "ec2:RunInstances", f"{EC2}:key-pair/mine")


def test_roles_are_passed_to_their_service_alone() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/janitor-dev-"
    ec2: Context = {"iam:PassedToService": "ec2.amazonaws.com"}
    assert is_allowed(CONTROLLER, "iam:PassRole", f"{role}instance", ec2)
    assert not is_allowed(
        CONTROLLER, "iam:PassRole", f"{role}instance", {"iam:PassedToService": "lambda.amazonaws.com"}
    )
    assert not is_allowed(CONTROLLER, "iam:PassRole", f"{role}scheduler", ec2)
    assert not is_allowed(CONTROLLER, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", ec2)


def test_files_of_another_deployment_are_out_of_reach() -> None:
    bucket = "arn:aws:s3:::janitor-dev-bucket"
    assert is_allowed(CONTROLLER, "s3:GetObject", f"{bucket}/janitor-reports/run/one.json")
    assert not is_allowed(CONTROLLER, "s3:GetObject", f"{bucket}/janitor-notices/prod/terminated/i-1.json")
    assert not is_allowed(CONTROLLER, "s3:DeleteObject", f"{bucket}/janitor-reports/run/one.json")
    assert not is_allowed(CONTROLLER, "s3:GetObject", "arn:aws:s3:::janitor-prod-bucket/janitor-reports/run/one.json")
    schedule = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/"
    assert is_allowed(CONTROLLER, "scheduler:DeleteSchedule", f"{schedule}janitor-dev/one")
    assert not is_allowed(CONTROLLER, "scheduler:DeleteSchedule", f"{schedule}janitor-prod/one")


def test_an_instance_reads_its_deployments_secrets_alone() -> None:
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:janitor/"
    assert is_allowed(policy("instance"), "secretsmanager:GetSecretValue", f"{secret}dev/token-AbCdEf")
    assert not is_allowed(policy("instance"), "secretsmanager:GetSecretValue", f"{secret}prod/token-AbCdEf")
    for action in ("ec2:TerminateInstances", "ssm:SendCommand", "s3:GetObject", "ssm:GetParameters", "iam:PassRole"):
        assert not is_allowed(policy("instance"), action, "*", OWN)


def test_messages_are_sent_with_the_deployments_own_secrets_and_topics() -> None:
    messages, secret = policy("messages"), f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:"
    assert is_allowed(messages, "secretsmanager:GetSecretValue", f"{secret}janitor-news/dev/slack-AbCdEf")
    assert not is_allowed(messages, "secretsmanager:GetSecretValue", f"{secret}janitor-news/prod/slack-AbCdEf")
    assert not is_allowed(messages, "secretsmanager:GetSecretValue", f"{secret}janitor/dev/token-AbCdEf")
    assert not is_allowed(policy("instance"), "secretsmanager:GetSecretValue", f"{secret}janitor-news/dev/slack-AbCdEf")
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:janitor-"
    assert is_allowed(messages, "sns:Publish", f"{topic}news-dev")
    assert not is_allowed(messages, "sns:Publish", f"{topic}news-prod")
    assert not is_allowed(messages, "sns:Publish", f"{topic}dev-alarms")
    assert is_allowed(messages, "s3:PutObject", "arn:aws:s3:::janitor-dev-bucket/badges/acme/worker.svg")
    assert not is_allowed(messages, "s3:PutObject", "arn:aws:s3:::janitor-dev-bucket/janitor-reports/one.json")


LARGEST_POLICY = 6144
"""Characters without white space. Source: IAM User Guide, "IAM and AWS STS quotas", managed policy size."""


def test_iam_takes_the_controllers_policy_of_a_deployment_with_a_long_name() -> None:
    name = "vision-team-1"
    values = {key: value.replace("dev", name) for key, value in VALUES.items()}
    values |= {"region": "ap-southeast-1", "bucket": f"janitor-{name}-{ACCOUNT}", "launch_template": "lt-" + "0" * 17}
    text = re.sub(r"\s", "", json.dumps(read_policy(ROOT, "controller", values)))
    assert len(text) <= LARGEST_POLICY


def test_metrics_go_to_our_namespace_alone() -> None:
    for role in ("reaper", "controller"):
        assert is_allowed(policy(role), "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Janitor"})
        assert not is_allowed(policy(role), "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/EC2"})


def test_the_evaluator_can_deny() -> None:
    denying = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/secret/*"},
        ],
    }
    assert is_allowed(denying, "s3:GetObject", "arn:aws:s3:::b/one")
    assert not is_allowed(denying, "s3:GetObject", "arn:aws:s3:::b/secret/one")
    odd = {
        "Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": {"NumericEquals": {"k": 1}}}]
    }
    with pytest.raises(KeyError):
        is_allowed(odd, "a:b", "*", {"k": "1"})


def test_terraform_and_the_local_stack_fill_the_same_places() -> None:
    """A `${…}` that Terraform has no value for fails there at the end of a long plan."""
    text = "\n".join(path.read_text() for path in (ROOT / "infra" / "terraform").glob("*.tf"))
    places = {
        place for path in (ROOT / FOLDER).glob("*.json") for place in re.findall(r"\$\{(\w+)\}", path.read_text())
    }
    assert places
    assert {place for place in places if not re.search(rf"^\s+{place}\s+=", text, flags=re.MULTILINE)} == set()
