"""What instances are launched from and into: template, image, types, zones, subnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from janitor.cloud.asking import asking, is_missing
from janitor.cloud.failures import launch_failure_of
from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.domain.launch.launching import LaunchFailure

_NO_TEMPLATE = ("InvalidLaunchTemplateName.NotFoundException", "InvalidLaunchTemplateId.NotFound")
_NO_IMAGE = ("InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable")
_WOULD_SUCCEED = "DryRunOperation"
"""EC2 answers a dry run with an error in every case. Source: EC2 API, RunInstances, DryRun."""


@dataclass(frozen=True, kw_only=True)
class TemplateSeen:
    """The default version of a launch template."""

    version: int
    made_at: datetime
    image_id: str | None
    has_network_interfaces: bool
    requires_imds_tokens: bool
    root_volume_gib: int | None
    """None where the template says nothing of a volume."""


@dataclass(frozen=True, kw_only=True)
class ImageSeen:
    """An AMI."""

    state: str
    architecture: str
    """Empty where EC2 doesn't say it."""
    made_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SubnetSeen:
    """A subnet."""

    subnet_id: str
    zone: str
    gives_public_addresses: bool
    free_addresses: int


def template(access: CloudAccess, name: str) -> TemplateSeen | None:
    """The default version of a launch template; None where there is no such one.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"DescribeLaunchTemplateVersions {name}"):
            answer = access.client("ec2").describe_launch_template_versions(
                LaunchTemplateName=name, Versions=["$Default"], ResolveAlias=True
            )
    except CloudError as exc:
        if is_missing(exc, *_NO_TEMPLATE):
            return None
        raise
    if not answer["LaunchTemplateVersions"]:
        return None
    version = answer["LaunchTemplateVersions"][0]
    data: Mapping[str, Any] = version["LaunchTemplateData"]
    sizes = [each.get("Ebs", {}).get("VolumeSize") for each in data.get("BlockDeviceMappings", [])]
    return TemplateSeen(
        version=int(version["VersionNumber"]),
        made_at=version["CreateTime"],
        image_id=data.get("ImageId") or None,
        has_network_interfaces=bool(data.get("NetworkInterfaces")),
        requires_imds_tokens=data.get("MetadataOptions", {}).get("HttpTokens") == "required",
        root_volume_gib=next((int(size) for size in sizes if size), None),
    )


def image(access: CloudAccess, image_id: str) -> ImageSeen | None:
    """An AMI; None where there is no such one, or it isn't shared with this account.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"DescribeImages {image_id}"):
            images = access.client("ec2").describe_images(ImageIds=[image_id])["Images"]
    except CloudError as exc:
        if is_missing(exc, *_NO_IMAGE):
            return None
        raise
    if not images:
        return None
    return ImageSeen(
        state=images[0].get("State", "available"),
        architecture=images[0].get("Architecture") or "",
        made_at=_instant(images[0].get("CreationDate")),
    )


def processors(access: CloudAccess, instance_types: Sequence[str]) -> Mapping[str, int]:
    """How many vCPUs each type has; a type that the region doesn't know is left out.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    names = list(instance_types)
    with asking("DescribeInstanceTypes"):
        pages = access.client("ec2").get_paginator("describe_instance_types")
        found = [
            each
            for page in pages.paginate(Filters=[{"Name": "instance-type", "Values": names}])
            for each in page["InstanceTypes"]
        ]
    return {each["InstanceType"]: int(each["VCpuInfo"]["DefaultVCpus"]) for each in found}


def zones_with(access: CloudAccess, instance_type: str) -> frozenset[str]:
    """The zones of the region that offer a type.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    with asking(f"DescribeInstanceTypeOfferings {instance_type}"):
        pages = access.client("ec2").get_paginator("describe_instance_type_offerings")
        found = [
            each["Location"]
            for page in pages.paginate(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
            )
            for each in page["InstanceTypeOfferings"]
        ]
    return frozenset(found)


def subnets(access: CloudAccess, subnet_ids: Sequence[str]) -> Mapping[str, SubnetSeen]:
    """The subnets that are there, by id.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    with asking("DescribeSubnets"):
        pages = access.client("ec2").get_paginator("describe_subnets")
        found = [
            each
            for page in pages.paginate(Filters=[{"Name": "subnet-id", "Values": list(subnet_ids)}])
            for each in page["Subnets"]
        ]
    return {
        each["SubnetId"]: SubnetSeen(
            subnet_id=each["SubnetId"],
            zone=each["AvailabilityZone"],
            gives_public_addresses=bool(each.get("MapPublicIpOnLaunch")),
            free_addresses=int(each.get("AvailableIpAddressCount", 0)),
        )
        for each in found
    }


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)


def objection(access: CloudAccess, parameters: Mapping[str, Any]) -> LaunchFailure | None:
    """What EC2 has against a launch with these parameters; None: nothing. It is a dry run, nothing is launched.

    Raises:
        CloudError: It can't be asked, or whoever answers has launched all the same.
    """
    try:
        answer = access.client("ec2").run_instances(DryRun=True, MinCount=1, MaxCount=1, **parameters)
    except CLIENT_ERRORS as exc:
        if error_code(exc) == _WOULD_SUCCEED:
            return None
        failure = launch_failure_of(exc, str(parameters["InstanceType"]))
        if failure is None:
            raise CloudError(f"RunInstances as a dry run: {exc}") from exc
        return failure
    launched = ", ".join(each["InstanceId"] for each in answer["Instances"])
    raise CloudError(f"a dry run of RunInstances has launched {launched}; end it: make terminate INSTANCE={launched}")
