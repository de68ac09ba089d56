"""What IAM is asked for a call to AWS: the actions, each on its resources, with the condition keys that ours use.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service; EC2 user guide,
"Example policies to control access": RunInstances is asked for everything that it makes and uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.client import BaseClient

from janitor.cloud.call_record import CallKind
from tests.support.iam import Context

_PREFIXES = {"monitoring": "cloudwatch"}
"""Services that sign by another name than IAM knows them by."""
_TAG = "janitor:deployment"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call as boto3 was asked for it."""

    service: str
    """As IAM names it."""
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One thing that must be allowed."""

    action: str
    resource: str
    context: Context


@contextmanager
def calls_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Call]]:
    """Every call that this process sends by boto3 meanwhile."""
    kept: list[Call] = []
    send = BaseClient._make_api_call

    def sending(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        name = client.meta.service_model.signing_name
        kept.append(Call(service=_PREFIXES.get(name, name), operation=operation, parameters=dict(parameters)))
        return send(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", sending)
        yield kept


def asked_of(call: Call, values: Mapping[str, str]) -> list[Asked]:
    """What IAM is asked for a call of `janitor doctor`.

    Args:
        call: What was sent.
        values: Those of the policies' places; account and region are of the call, too.

    Raises:
        KeyError: Nobody has written down what a call of this kind needs.
    """
    return _ASKED[f"{call.service}:{call.operation}"](call.parameters, values)


def _arn(service: str, values: Mapping[str, str], resource: str) -> str:
    return f"arn:aws:{service}:{values['region']}:{values['account']}:{resource}"


def _plain(action: str, resource: str = "*") -> Callable[[Mapping[str, Any], Mapping[str, str]], list[Asked]]:
    """An action on what its own parameters name."""

    def asked(parameters: Mapping[str, Any], values: Mapping[str, str]) -> list[Asked]:
        service = action.partition(":")[0]
        named = resource.format_map(parameters)
        whole = named if named == "*" or named.startswith("arn:") else _arn(service, values, named)
        return [Asked(action=action, resource=whole, context={"aws:RequestedRegion": values["region"]})]

    return asked


def _nothing(_: Mapping[str, Any], __: Mapping[str, str]) -> list[Asked]:
    return []


def _role(action: str) -> Callable[[Mapping[str, Any], Mapping[str, str]], list[Asked]]:
    def asked(parameters: Mapping[str, Any], values: Mapping[str, str]) -> list[Asked]:
        path = "aws-service-role/spot.amazonaws.com/" if parameters["RoleName"].startswith("AWSServiceRole") else ""
        resource = f"arn:aws:iam::{values['account']}:role/{path}{parameters['RoleName']}"
        return [Asked(action=action, resource=resource, context={})]

    return asked


def _template(parameters: Mapping[str, Any], values: Mapping[str, str]) -> list[Asked]:
    """EC2 reads the parameter that a template's image names with the rights of whoever asks."""
    describe = _plain("ec2:DescribeLaunchTemplateVersions")(parameters, values)
    resource = _arn("ssm", values, f"parameter{values['ami_parameter']}")
    return [*describe, Asked(action="ssm:GetParameters", resource=resource, context={})]


def _launch(parameters: Mapping[str, Any], values: Mapping[str, str]) -> list[Asked]:
    made = {each["ResourceType"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in _tags(parameters)}
    tokens = parameters["MetadataOptions"]["HttpTokens"]
    used = ["network-interface/*", f"launch-template/{values['launch_template']}", f"subnet/{parameters['SubnetId']}"]
    used += ["security-group/sg-0123456789abcdef0"]  # the template's, or the VPC's own
    if "InstanceMarketOptions" in parameters:
        used.append("spot-instances-request/*")
    asked = [Asked(action="ec2:RunInstances", resource=_arn("ec2", values, each), context={}) for each in used]
    image = f"arn:aws:ec2:{values['region']}::image/{parameters['ImageId']}"
    asked.append(Asked(action="ec2:RunInstances", resource=image, context={"ec2:Owner": values["account"]}))
    for kind in ("instance", "volume"):
        tags = made.get(kind, {})
        context: dict[str, Any] = {f"aws:RequestTag/{_TAG}": tags[_TAG]} if _TAG in tags else {}
        context |= {"ec2:MetadataHttpTokens": tokens} if kind == "instance" else {}
        asked.append(Asked(action="ec2:RunInstances", resource=_arn("ec2", values, f"{kind}/*"), context=context))
        marking = {"ec2:CreateAction": "RunInstances", "aws:TagKeys": sorted(tags)}
        asked.append(Asked(action="ec2:CreateTags", resource=_arn("ec2", values, f"{kind}/*"), context=marking))
    role = f"arn:aws:iam::{values['account']}:role/{values['instance_role']}"
    asked.append(
        Asked(action="iam:PassRole", resource=role, context={"iam:PassedToService": "ec2.amazonaws.com"}),
    )
    return asked


def _tags(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(parameters.get("TagSpecifications", []))


_ASKED: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], list[Asked]]] = {
    "sts:GetCallerIdentity": _nothing,
    "servicequotas:GetServiceQuota": _plain("servicequotas:GetServiceQuota", "{ServiceCode}/{QuotaCode}"),
    "iam:GetRole": _role("iam:GetRole"),
    "iam:GetRolePolicy": _role("iam:GetRolePolicy"),
    "ec2:DescribeImages": _plain("ec2:DescribeImages"),
    "ec2:DescribeInstanceTypeOfferings": _plain("ec2:DescribeInstanceTypeOfferings"),
    "ec2:DescribeInstanceTypes": _plain("ec2:DescribeInstanceTypes"),
    "ec2:DescribeLaunchTemplateVersions": _template,
    "ec2:DescribeSubnets": _plain("ec2:DescribeSubnets"),
    "ec2:DescribeVolumes": _plain("ec2:DescribeVolumes"),
    "ec2:RunInstances": _launch,
    "s3:HeadBucket": _plain("s3:ListBucket", "arn:aws:s3:::{Bucket}"),
    "s3:HeadObject": _plain("s3:GetObject", "arn:aws:s3:::{Bucket}/{Key}"),
    "logs:GetLogEvents": _plain("logs:GetLogEvents", "log-group:{logGroupName}:log-stream:{logStreamName}"),
    "logs:DescribeLogGroups": _plain("logs:DescribeLogGroups", "log-group::log-stream:"),
    "scheduler:GetScheduleGroup": _plain("scheduler:GetScheduleGroup", "schedule-group/{Name}"),
    "lambda:GetFunctionConfiguration": _plain("lambda:GetFunctionConfiguration", "function:{FunctionName}"),
    "cloudwatch:GetMetricStatistics": _plain("cloudwatch:GetMetricStatistics"),
    "cloudwatch:DescribeAlarms": _plain("cloudwatch:DescribeAlarms"),
    "sns:ListSubscriptionsByTopic": _plain("sns:ListSubscriptionsByTopic", "{TopicArn}"),
}


def asked_of_kind(kind: CallKind, values: Mapping[str, str]) -> list[Asked]:
    """What IAM is asked for a kind of call that a run's record has; its instances are the deployment's own.

    Raises:
        KeyError: Nobody has written down what a call of this kind needs.
    """
    where = kind.where or ""
    own = {f"aws:ResourceTag/{_TAG}": values["deployment"], f"ssm:resourceTag/{_TAG}": values["deployment"]}
    region = {"aws:RequestedRegion": values["region"]}
    bucket = f"arn:aws:s3:::{values['bucket']}"
    # Notices are kept apart by deployment.
    there = f"{bucket}/{where}/{values['deployment'] + '/' if where == values['notice_prefix'] else ''}one.json"
    instance = _arn("ec2", values, "instance/i-1")
    schedule = _arn("scheduler", values, f"schedule/{where}/one")
    streams = _arn("logs", values, f"log-group:{where}:log-stream:one")
    document = f"arn:aws:ssm:{values['region']}::document/{where}"
    keep = {**own, "aws:TagKeys": ["janitor:keep-until"]}
    table: dict[str, list[tuple[str, str, Context]]] = {
        "sts:GetCallerIdentity": [],
        "s3:HeadObject": [("s3:GetObject", there, {})],
        "s3:ListObjectsV2": [("s3:ListBucket", bucket, {})],
        "ec2:CreateTags": [("ec2:CreateTags", instance, keep)],
        "ec2:TerminateInstances": [("ec2:TerminateInstances", instance, own)],
        "ssm:SendCommand": [("ssm:SendCommand", document, {}), ("ssm:SendCommand", instance, own)],
        "scheduler:ListSchedules": [("scheduler:ListSchedules", "*", {})],
        "cloudwatch:PutMetricData": [("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": where})],
    }
    for action in ("GetObject", "PutObject", "DeleteObject"):
        table[f"s3:{action}"] = [(f"s3:{action}", there, {})]
    for action in ("CreateSchedule", "DeleteSchedule", "GetSchedule", "UpdateSchedule"):
        table[f"scheduler:{action}"] = [(f"scheduler:{action}", schedule, {})]
    for action in ("GetLogEvents", "FilterLogEvents"):
        table[f"logs:{action}"] = [(f"logs:{action}", streams, {})]
    for action in (
        "DescribeInstances",
        "DescribeSpotPriceHistory",
        "DescribeVolumes",
        "DescribeLaunchTemplateVersions",
    ):
        table[f"ec2:{action}"] = [(f"ec2:{action}", "*", region)]
    for action in ("CancelCommand", "DescribeInstanceInformation", "ListCommandInvocations"):
        table[f"ssm:{action}"] = [(f"ssm:{action}", "*", region)]
    found = table[f"{kind.service}:{kind.action}"]
    return [Asked(action=action, resource=resource, context=context) for action, resource, context in found]
