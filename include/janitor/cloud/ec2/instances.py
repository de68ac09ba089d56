"""EC2 as the provider of instances: find by tag, describe, launch, terminate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from janitor.cloud.ec2.template_versions import current_version
from janitor.cloud.failures import launch_failure_of
from janitor.cloud.place import place_of
from janitor.cloud.session import CLIENT_ERRORS, LAUNCH_CALL_TIMEOUT, CloudAccess, error_code
from janitor.domain.config.fields import Market
from janitor.domain.errors import CloudError, SettingsError
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.provider import Abilities, InstanceSeen, LaunchRequest, LaunchSource, Refusal
from janitor.domain.place import Place
from janitor.domain.states import InstanceState
from janitor.settings import Settings

_LIVE_STATES = ("pending", "running", "stopping", "stopped", "shutting-down")
_PAGE_SIZE = 1000
"""Most results of one DescribeInstances page. Source: EC2 API, DescribeInstances, MaxResults."""
_TRANSITION_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)$")
"""In a StateTransitionReason, such as `User initiated (2026-01-01 12:00:00 GMT)`."""
_NOT_FOUND = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")


class Ec2:
    """The instances of one account in one region: an `InstanceProvider`."""

    abilities: Abilities = Abilities(
        repeats_launches=True, has_spot=True, changes_tags=True, runs_user_data=True, shows_ended=True, has_timers=True
    )
    launch_call_timeout: timedelta = LAUNCH_CALL_TIMEOUT

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._access = CloudAccess.of(settings)

    def place(self) -> Place:
        """Where the instances are, by STS's word."""
        return place_of(self._access)

    def find(self, tag: str, value: str, *, live_only: bool = True) -> list[InstanceSeen]:
        """Instances that carry a tag."""
        filters = [{"Name": f"tag:{tag}", "Values": [value]}]
        if live_only:
            filters.append({"Name": "instance-state-name", "Values": list(_LIVE_STATES)})
        try:
            pages = (
                self._access.client("ec2")
                .get_paginator("describe_instances")
                .paginate(Filters=filters, PaginationConfig={"PageSize": _PAGE_SIZE})
            )
            return [seen for page in pages for seen in _seen(page)]
        except CLIENT_ERRORS as exc:
            raise CloudError(f"DescribeInstances with {tag}={value}: {exc}") from exc

    def describe(self, instance_id: str) -> InstanceSeen | None:
        """One instance, or None when EC2 doesn't know it."""
        try:
            answer = self._access.client("ec2").describe_instances(InstanceIds=[instance_id])
        except CLIENT_ERRORS as exc:
            if error_code(exc) in _NOT_FOUND:
                return None
            raise CloudError(f"DescribeInstances {instance_id}: {exc}") from exc
        return next(iter(_seen(answer)), None)

    def launch_source(self) -> LaunchSource:
        """The AMI to launch, and the template's version of this moment."""
        settings = self._settings
        if settings.launch_template:
            version = current_version(self._access, settings.launch_template)
            image = settings.image_id or version.image
            if not image:
                raise CloudError(f"launch template {settings.launch_template} names no image; set JANITOR_IMAGE_ID")
            return LaunchSource(image=image, template_version=version.number)
        if settings.image_id:
            return LaunchSource(image=settings.image_id)
        raise SettingsError(f"set JANITOR_IMAGE_ID or JANITOR_LAUNCH_TEMPLATE in {settings.env_file.name}")

    def launch_parameters(self, request: LaunchRequest) -> dict[str, Any]:
        """RunInstances' parameters beside the count."""
        settings = self._settings
        tag_list = [{"Key": key, "Value": value} for key, value in sorted(request.tags.items())]
        parameters: dict[str, Any] = {
            "ImageId": request.source.image,
            # The token makes a repeated call return the same instance.
            "ClientToken": request.client_token,
            "InstanceType": request.instance_type,
            # EC2's default is `stop`, which goes on costing the volume.
            "InstanceInitiatedShutdownBehavior": "terminate",
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "UserData": request.user_data,
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": tag_list},
                {"ResourceType": "volume", "Tags": tag_list},
            ],
        }
        if request.market is Market.SPOT:
            # Without a highest price it is the on-demand one; a spot instance is never stopped, always terminated.
            parameters["InstanceMarketOptions"] = {
                "MarketType": "spot",
                "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
            }
        if settings.launch_template:
            parameters["LaunchTemplate"] = {
                "LaunchTemplateName": settings.launch_template,
                # Never `$Default`: with another default the same token would come with other parameters.
                "Version": request.source.template_version,
            }
        if settings.instance_profile:
            parameters["IamInstanceProfile"] = {"Name": settings.instance_profile}
        if request.subnet_id:
            parameters["SubnetId"] = request.subnet_id
        if settings.security_group_ids:
            parameters["SecurityGroupIds"] = list(settings.security_group_ids)
        return parameters

    @staticmethod
    def image_of(parameters: Mapping[str, Any]) -> str | None:
        """The AMI of a launch; None for one of before its parameters were kept."""
        image_id: str | None = parameters.get("ImageId")
        return image_id

    def launch(self, parameters: Mapping[str, Any], *, may_exist: bool = False) -> str:
        """RunInstances; botocore's own exceptions pass, for `launch_failure_of`. The token finds what may exist."""
        answer = self._access.launch_client().run_instances(MinCount=1, MaxCount=1, **parameters)
        instance_id: str = answer["Instances"][0]["InstanceId"]
        return instance_id

    def launch_failure_of(self, exc: BaseException, instance_type: str) -> LaunchFailure | None:
        """What a failed RunInstances means."""
        return launch_failure_of(exc, instance_type)

    @staticmethod
    def refused_everywhere(refusals: Sequence[Refusal]) -> LaunchFailure | None:
        """None: each of EC2's codes says by itself what it means."""
        return None

    def terminate(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """Ask EC2 to terminate many in one call; where that is refused, one by one."""
        if not instance_ids:
            return {}
        try:
            self._access.client("ec2").terminate_instances(InstanceIds=list(instance_ids))
        except CLIENT_ERRORS:
            asked = {instance_id: self._terminate_one(instance_id) for instance_id in instance_ids}
            return {instance_id: word for instance_id, word in asked.items() if word is not None}
        return {}

    def _terminate_one(self, instance_id: str) -> str | None:
        try:
            self._access.client("ec2").terminate_instances(InstanceIds=[instance_id])
        except CLIENT_ERRORS as exc:
            if error_code(exc) not in _NOT_FOUND:
                return f'TerminateInstances {instance_id}: {exc}; see runbook "Instance left"'
        return None

    def add_tags(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a live instance."""
        try:
            self._access.client("ec2").create_tags(
                Resources=[instance_id], Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())]
            )
        except CLIENT_ERRORS as exc:
            raise CloudError(f"CreateTags {instance_id}: {exc}") from exc

    def spot_price(self, instance_type: str, availability_zone: str, at: datetime) -> Decimal | None:
        """What a Linux spot instance costs by the hour in USD."""
        try:
            answer = self._access.client("ec2").describe_spot_price_history(
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
