"""What a deployment has made in its account: bucket, log group, and the killers that work without Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from janitor.cloud.asking import NotAllowedError, asking, is_missing, said_by_aws
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError

_PROBE = "janitor-doctor"
"""A log stream that nobody makes."""
_MISSING_OBJECT = "janitor-artefacts/janitor-doctor"
"""An object that nobody makes, where the product may read: elsewhere S3 would refuse it, though it isn't there."""
_MISSING = "ResourceNotFoundException"
_STREAM = "stream"
"""In CloudWatch's words where the group is there: "The specified log stream does not exist."."""


class BucketAnswer(Enum):
    """What S3 says of a bucket."""

    THERE = "there"
    MISSING = "missing"
    REFUSED = "refused"  # it may be somebody else's
    NO_LISTING = "no listing"  # a missing object can't be told from a refused one


@dataclass(frozen=True, kw_only=True)
class FunctionSeen:
    """A Lambda function."""

    is_active: bool
    variables: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Passes:
    """What a function did lately."""

    invocations: int
    errors: int


def bucket(access: CloudAccess, name: str) -> BucketAnswer:
    """What S3 says of a bucket, and of an object in it that isn't there.

    Raises:
        CloudError: It can't be asked.
    """
    try:
        with asking(f"HeadBucket {name}"):
            access.client("s3").head_bucket(Bucket=name)
    except NotAllowedError:
        return BucketAnswer.REFUSED
    except CloudError as exc:
        if is_missing(exc, "404", "NoSuchBucket", "NotFound"):
            return BucketAnswer.MISSING
        raise
    try:
        with asking(f"HeadObject s3://{name}/{_MISSING_OBJECT}"):
            access.client("s3").head_object(Bucket=name, Key=_MISSING_OBJECT)
    except NotAllowedError:
        return BucketAnswer.NO_LISTING
    except CloudError as exc:
        if not is_missing(exc, "404", "NoSuchKey", "NotFound"):
            raise
    return BucketAnswer.THERE


def has_log_group(access: CloudAccess, name: str) -> bool:
    """Whether a log group is there: asked by the one right to logs that the product needs, and where that leaves it
    open, by listing the groups.

    Raises:
        NotAllowedError, CloudError: It can't be asked.
    """
    try:
        with asking(f"GetLogEvents {name}"):
            access.client("logs").get_log_events(logGroupName=name, logStreamName=_PROBE, limit=1)
    except CloudError as exc:
        if not is_missing(exc, _MISSING):
            raise
        if _STREAM in str(said_by_aws(exc).get("Error", {}).get("Message", "")):
            return True
        with asking(f"DescribeLogGroups {name}"):
            pages = access.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
            return any(each["logGroupName"] == name for page in pages for each in page["logGroups"])
    return True


def has_schedule_group(access: CloudAccess, name: str) -> bool:
    """Whether EventBridge Scheduler has a group.

    Raises:
        NotAllowedError, CloudError: It can't be asked.
    """
    try:
        with asking(f"GetScheduleGroup {name}"):
            access.client("scheduler").get_schedule_group(Name=name)
    except CloudError as exc:
        if is_missing(exc, _MISSING):
            return False
        raise
    return True


def function(access: CloudAccess, name: str) -> FunctionSeen | None:
    """A Lambda function; None where there is no such one.

    Raises:
        NotAllowedError, CloudError: It can't be asked.
    """
    try:
        with asking(f"GetFunctionConfiguration {name}"):
            found = access.client("lambda").get_function_configuration(FunctionName=name)
    except CloudError as exc:
        if is_missing(exc, _MISSING):
            return None
        raise
    return FunctionSeen(
        is_active=found.get("State", "Active") in ("Active", "Inactive"),  # an idle function is Inactive
        variables=found.get("Environment", {}).get("Variables", {}),
    )


def passes(access: CloudAccess, name: str, *, since: datetime, now: datetime) -> Passes:
    """How often a function ran and failed.

    Raises:
        NotAllowedError, CloudError: It can't be asked.
    """
    minutes = max(1, -(-(now - since) // timedelta(minutes=1)))

    def total(metric: str) -> int:
        answer = access.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=since,
            EndTime=now + timedelta(minutes=1),
            Period=60 * (minutes + 1),
            Statistics=["Sum"],
        )
        return int(sum(point["Sum"] for point in answer["Datapoints"]))

    with asking(f"GetMetricStatistics of {name}"):
        return Passes(invocations=total("Invocations"), errors=total("Errors"))
