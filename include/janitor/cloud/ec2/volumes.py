"""EBS: the deployment's cache volume, found by its tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_CACHE

DEVICE = "/dev/sdf"
"""Under which the volume is attached. Source: EC2 user guide, "Device names on Linux instances": /dev/sd[f-p]."""
_GONE = ("deleting", "deleted", "error")
_IN_USE = "VolumeInUse"


class VolumeInUseError(CloudError):
    """Another instance has the volume."""


@dataclass(frozen=True, kw_only=True)
class CacheVolume:
    """The cache volume as EC2 shows it."""

    volume_id: str
    zone: str
    attached_to: tuple[str, ...]
    """The instances that have it, also those that it is just attached to or detached from."""


def find_cache(access: CloudAccess, deployment: str) -> CacheVolume | None:
    """The deployment's cache volume; the oldest where there are several, None where there is none.

    Raises:
        CloudError: EC2 can't be asked.
    """
    filters = [{"Name": f"tag:{TAG_CACHE}", "Values": [deployment]}]
    try:
        answer = access.client("ec2").describe_volumes(Filters=filters)
    except CLIENT_ERRORS as exc:
        raise CloudError(f"DescribeVolumes with {TAG_CACHE}={deployment}: {exc}") from exc
    found = sorted(
        (volume for volume in answer["Volumes"] if volume["State"] not in _GONE),
        key=lambda volume: (volume["CreateTime"], volume["VolumeId"]),
    )
    if not found:
        return None
    attachments = (one for one in found[0].get("Attachments", []) if one.get("State") != "detached")
    return CacheVolume(
        volume_id=found[0]["VolumeId"],
        zone=found[0]["AvailabilityZone"],
        attached_to=tuple(one["InstanceId"] for one in attachments),
    )


def attach(access: CloudAccess, volume_id: str, instance_id: str) -> None:
    """Attach a volume to a running instance in its zone.

    Raises:
        VolumeInUseError: Another instance has it.
        CloudError: EC2 refused, or can't be asked.
    """
    try:
        access.client("ec2").attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device=DEVICE)
    except CLIENT_ERRORS as exc:
        error = VolumeInUseError if error_code(exc) == _IN_USE else CloudError
        raise error(f"AttachVolume {volume_id} to {instance_id}: {exc}") from exc


def subnets_in(access: CloudAccess, subnet_ids: Sequence[str], zone: str) -> tuple[str, ...]:
    """Those of the subnets that lie in a zone, in their order.

    Raises:
        CloudError: EC2 can't be asked.
    """
    try:
        answer = access.client("ec2").describe_subnets(SubnetIds=list(subnet_ids))
    except CLIENT_ERRORS as exc:
        raise CloudError(f"DescribeSubnets {', '.join(subnet_ids)}: {exc}") from exc
    there = {subnet["SubnetId"] for subnet in answer["Subnets"] if subnet["AvailabilityZone"] == zone}
    return tuple(each for each in subnet_ids if each in there)
