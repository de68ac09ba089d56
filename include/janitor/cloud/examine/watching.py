"""What else a deployment has in its account: cache volumes, alarms, who is told by them, and what a role may do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from janitor.cloud.asking import asking, is_missing
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_CACHE

_GONE = ("deleting", "deleted")
_TOPIC = ":sns:"
_PENDING = "PendingConfirmation"
"""In the place of a subscription's ARN. Source: SNS API, Subscription."""
_NO_TOPIC = ("NotFound", "NotFoundException")
_NO_ENTITY = "NoSuchEntity"


@dataclass(frozen=True, kw_only=True)
class VolumeSeen:
    """A volume that is tagged as a deployment's cache."""

    volume_id: str
    zone: str
    size_gib: int
    state: str
    is_encrypted: bool


@dataclass(frozen=True, kw_only=True)
class AlarmsSeen:
    """Alarms whose names begin alike."""

    names: tuple[str, ...]
    topics: tuple[str, ...]
    """ARNs of the SNS topics that any of them tells."""


@dataclass(frozen=True, kw_only=True)
class Subscribers:
    """How many are told by a topic."""

    confirmed: int
    pending: int
    """Who hasn't confirmed yet, and so isn't told."""


def caches(access: CloudAccess, deployment: str) -> list[VolumeSeen]:
    """The volumes that are tagged as a deployment's cache, the one that runs take first.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    with asking(f"DescribeVolumes with {TAG_CACHE}={deployment}"):
        pages = access.client("ec2").get_paginator("describe_volumes")
        tag = {"Name": f"tag:{TAG_CACHE}", "Values": [deployment]}
        found = [
            each for page in pages.paginate(Filters=[tag]) for each in page["Volumes"] if each["State"] not in _GONE
        ]
    return [
        VolumeSeen(
            volume_id=each["VolumeId"],
            zone=each["AvailabilityZone"],
            size_gib=int(each["Size"]),
            state=each["State"],
            is_encrypted=bool(each.get("Encrypted")),
        )
        for each in sorted(found, key=lambda each: (each["CreateTime"], each["VolumeId"]))
    ]


def alarms(access: CloudAccess, prefix: str) -> AlarmsSeen:
    """The alarms on metrics whose names begin so.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    with asking(f"DescribeAlarms {prefix}"):
        pages = access.client("cloudwatch").get_paginator("describe_alarms")
        found = [each for page in pages.paginate(AlarmNamePrefix=prefix) for each in page.get("MetricAlarms", [])]
    actions = {action for each in found for action in each.get("AlarmActions", [])}
    return AlarmsSeen(
        names=tuple(each["AlarmName"] for each in found),
        topics=tuple(sorted(action for action in actions if _TOPIC in action)),
    )


def subscribers(access: CloudAccess, topic: str) -> Subscribers | None:
    """Who is told by a topic; None where there is no such one.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"ListSubscriptionsByTopic {topic}"):
            pages = access.client("sns").get_paginator("list_subscriptions_by_topic")
            arns = [
                each["SubscriptionArn"] for page in pages.paginate(TopicArn=topic) for each in page["Subscriptions"]
            ]
    except CloudError as exc:
        if is_missing(exc, *_NO_TOPIC):
            return None
        raise
    pending = sum(arn == _PENDING for arn in arns)
    return Subscribers(confirmed=len(arns) - pending, pending=pending)


def trust_of(access: CloudAccess, role: str) -> Mapping[str, Any] | None:
    """Who may take a role on, as a policy says it; None where there is no such role.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"GetRole {role}"):
            found = access.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    except CloudError as exc:
        if is_missing(exc, _NO_ENTITY):
            return None
        raise
    return _document(found)


def policy_of(access: CloudAccess, role: str, name: str) -> Mapping[str, Any] | None:
    """A policy that a role has for itself; None where it has none of this name.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"GetRolePolicy {role} {name}"):
            found = access.client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    except CloudError as exc:
        if is_missing(exc, _NO_ENTITY):
            return None
        raise
    return _document(found)


def _document(found: Any) -> Mapping[str, Any]:
    """botocore has decoded it, unless it could not."""
    document: Mapping[str, Any] = json.loads(found) if isinstance(found, str) else found
    return document
