"""EC2 instances: find by tag, describe, terminate, and the parameters of a launch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.config.fields import Market
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_RUN, TAG_VALIDATION
from janitor.domain.states import InstanceState

_LIVE_STATES = ("pending", "running", "stopping", "stopped", "shutting-down")
_PAGE_SIZE = 1000
"""Most results of one DescribeInstances page. Source: EC2 API, DescribeInstances, MaxResults."""
_TRANSITION_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)$")
"""In a StateTransitionReason, such as `User initiated (2026-01-01 12:00:00 GMT)`."""
_NOT_FOUND = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")


@dataclass(frozen=True, kw_only=True)
class InstanceSeen:
    """An instance as EC2 describes it."""

    instance_id: str
    state: InstanceState
    state_reason: str | None
    """EC2's own code for the state, for example Client.UserInitiatedShutdown."""
    availability_zone: str | None
    instance_type: str
    is_spot: bool
    launched_at: datetime
    changed_at: datetime | None = None
    """When its state was last made to change, where EC2 says so: not for what an instance does by itself."""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def validation_id(self) -> UUID | None:
        """The validation that the tags name, if they do."""
        try:
            return UUID(self.tags[TAG_VALIDATION])
        except (KeyError, ValueError):
            return None


def find_by_validation(access: CloudAccess, validation_id: UUID, *, live_only: bool = True) -> list[InstanceSeen]:
    """Instances tagged with a validation.

    Raises:
        CloudError: EC2 can't be asked.
    """
    return _find(access, TAG_VALIDATION, str(validation_id), live_only)


def find_by_run(access: CloudAccess, run_id: UUID) -> list[InstanceSeen]:
    """Instances tagged with a run that are not terminated yet."""
    return _find(access, TAG_RUN, str(run_id), True)


def find_by_deployment(access: CloudAccess, deployment: str, *, live_only: bool = True) -> list[InstanceSeen]:
    """Instances tagged with a deployment; terminated ones only if `live_only` is False."""
    return _find(access, TAG_DEPLOYMENT, deployment, live_only)


def describe(access: CloudAccess, instance_id: str) -> InstanceSeen | None:
    """One instance, or None when EC2 doesn't know it (gone for good, or not visible yet).

    Raises:
        CloudError: EC2 can't be asked.
    """
    try:
        answer = access.client("ec2").describe_instances(InstanceIds=[instance_id])
    except CLIENT_ERRORS as exc:
        if error_code(exc) in _NOT_FOUND:
            return None
        raise CloudError(f"DescribeInstances {instance_id}: {exc}") from exc
    return next(iter(_seen(answer)), None)


def terminate(access: CloudAccess, instance_ids: Iterable[str]) -> None:
    """Ask EC2 to terminate; one that EC2 doesn't know is done already.

    Raises:
        CloudError: EC2 refused for another reason.
    """
    for instance_id in instance_ids:
        try:
            access.client("ec2").terminate_instances(InstanceIds=[instance_id])
        except CLIENT_ERRORS as exc:
            if error_code(exc) not in _NOT_FOUND:
                raise CloudError(f'TerminateInstances {instance_id}: {exc}; see runbook "Instance left"') from exc


def terminate_together(access: CloudAccess, instance_ids: Sequence[str]) -> dict[str, str]:
    """Ask EC2 to terminate many in one call; where that is refused, one by one, so that one can't save the others.

    Returns:
        What failed: id → EC2's word. Never raises for a refusal.
    """
    if not instance_ids:
        return {}
    try:
        access.client("ec2").terminate_instances(InstanceIds=list(instance_ids))
    except CLIENT_ERRORS:
        failed: dict[str, str] = {}
        for instance_id in instance_ids:
            try:
                terminate(access, [instance_id])
            except CloudError as exc:
                failed[instance_id] = str(exc)
        return failed
    return {}


def add_tags(access: CloudAccess, instance_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a live instance.

    Raises:
        CloudError: EC2 refused.
    """
    try:
        access.client("ec2").create_tags(
            Resources=[instance_id], Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(f"CreateTags {instance_id}: {exc}") from exc


def run_instance(access: CloudAccess, image_id: str, parameters: Mapping[str, Any]) -> str:
    """Launch one instance with `launch_parameters`; botocore's own exceptions pass, for `launch_failure_of`.

    Returns:
        The instance id.
    """
    answer = access.launch_client().run_instances(ImageId=image_id, MinCount=1, MaxCount=1, **parameters)
    instance_id: str = answer["Instances"][0]["InstanceId"]
    return instance_id


def spot_price(access: CloudAccess, instance_type: str, availability_zone: str, at: datetime) -> Decimal | None:
    """What a Linux spot instance costs by the hour in USD, or None where EC2 doesn't say.

    Raises:
        CloudError: EC2 can't be asked.
    """
    try:
        answer = access.client("ec2").describe_spot_price_history(
            InstanceTypes=[instance_type],
            AvailabilityZone=availability_zone,
            ProductDescriptions=["Linux/UNIX"],
            StartTime=at,
            MaxResults=1,
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(f"DescribeSpotPriceHistory {instance_type} in {availability_zone}: {exc}") from exc
    prices = answer["SpotPriceHistory"]
    return Decimal(prices[0]["SpotPrice"]) if prices else None


def launch_parameters(
    *,
    client_token: str,
    tags: Mapping[str, str],
    instance_type: str,
    market: Market,
    user_data: str,
    launch_template: str | None,
    instance_profile: str | None,
    subnet_id: str | None,
    security_group_ids: tuple[str, ...],
) -> dict[str, Any]:
    """RunInstances' parameters beside the image and the count.

    The same token must always come with the same parameters, so they are kept with the intent.
    """
    tag_list = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    parameters: dict[str, Any] = {
        # The token makes a repeated call return the same instance.
        "ClientToken": client_token,
        "InstanceType": instance_type,
        # EC2's default is `stop`, which goes on costing the volume.
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "UserData": user_data,
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": tag_list},
            {"ResourceType": "volume", "Tags": tag_list},
        ],
    }
    if market is Market.SPOT:
        # Without a highest price it is the on-demand one; a spot instance is never stopped, always terminated.
        parameters["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
        }
    if launch_template:
        parameters["LaunchTemplate"] = {"LaunchTemplateName": launch_template, "Version": "$Default"}
    if instance_profile:
        parameters["IamInstanceProfile"] = {"Name": instance_profile}
    if subnet_id:
        parameters["SubnetId"] = subnet_id
    if security_group_ids:
        parameters["SecurityGroupIds"] = list(security_group_ids)
    return parameters


@cache
def template_image(access: CloudAccess, launch_template: str) -> str:
    """The image that a launch template's default version names, asked once per process.

    The provider's operator always sends an image, so one that the template alone knows must be looked up.

    Raises:
        CloudError: EC2 can't be asked, or the template names no image.
    """
    try:
        answer = access.client("ec2").describe_launch_template_versions(
            LaunchTemplateName=launch_template, Versions=["$Default"], ResolveAlias=True
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(
            f"launch template {launch_template} can't be read: {exc}; check JANITOR_LAUNCH_TEMPLATE"
        ) from exc
    versions = answer["LaunchTemplateVersions"]
    image: str = versions[0]["LaunchTemplateData"].get("ImageId", "") if versions else ""
    if not image:
        raise CloudError(f"launch template {launch_template} names no image; set JANITOR_IMAGE_ID")
    return image


def _find(access: CloudAccess, tag: str, value: str, live_only: bool) -> list[InstanceSeen]:
    filters = [{"Name": f"tag:{tag}", "Values": [value]}]
    if live_only:
        filters.append({"Name": "instance-state-name", "Values": list(_LIVE_STATES)})
    try:
        pages = (
            access.client("ec2")
            .get_paginator("describe_instances")
            .paginate(Filters=filters, PaginationConfig={"PageSize": _PAGE_SIZE})
        )
        return [seen for page in pages for seen in _seen(page)]
    except CLIENT_ERRORS as exc:
        raise CloudError(f"DescribeInstances with {tag}={value}: {exc}") from exc


def _changed_at(reason: str) -> datetime | None:
    found = _TRANSITION_AT.search(reason)
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc) if found else None


def _seen(answer: Mapping[str, Any]) -> list[InstanceSeen]:
    return [
        InstanceSeen(
            instance_id=instance["InstanceId"],
            state=InstanceState(instance["State"]["Name"]),
            state_reason=(instance.get("StateReason") or {}).get("Code"),
            availability_zone=(instance.get("Placement") or {}).get("AvailabilityZone"),
            instance_type=instance["InstanceType"],
            is_spot=instance.get("InstanceLifecycle") == "spot",
            launched_at=instance["LaunchTime"],
            changed_at=_changed_at(instance.get("StateTransitionReason") or ""),
            tags={tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])},
        )
        for reservation in answer["Reservations"]
        for instance in reservation["Instances"]
    ]
