"""Machine images and what names them: EC2's images and snapshots, launch templates, SSM parameters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from janitor.cloud.asking import asking, is_missing
from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError, NotFoundError
from janitor.domain.machine_images import TAG_IMAGE, ImageState, MachineImage

_BY_PARAMETER = "resolve:ssm:"
_NO_IMAGE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed")
_NO_SNAPSHOT = ("InvalidSnapshot.NotFound",)
_SNAPSHOT_IN_USE = ("InvalidSnapshot.InUse",)
_NO_PARAMETER = ("ParameterNotFound", "ParameterVersionNotFound", "ParameterVersionLabelNotFound")


def parameter_value(access: CloudAccess, name: str) -> str | None:
    """What an SSM parameter says; None where there is none.

    Args:
        name: With a version or a label after a colon where one is meant.

    Raises:
        CloudError: SSM can't be asked.
    """
    try:
        value: str = access.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except CLIENT_ERRORS as exc:
        if error_code(exc) in _NO_PARAMETER:
            return None
        raise CloudError(f"GetParameter {name}: {exc}; it takes ssm:GetParameter on it") from exc
    return value


def publish_image(access: CloudAccess, name: str, image_id: str) -> None:
    """Write an image into the SSM parameter that launch templates resolve.

    Raises:
        CloudError: SSM refused.
    """
    with asking(f"PutParameter {name}={image_id}"):
        # With this type SSM itself checks that it is an image which this account can launch.
        access.client("ssm").put_parameter(
            Name=name, Value=image_id, Type="String", DataType="aws:ec2:image", Overwrite=True
        )


def own_images(access: CloudAccess, deployment: str) -> list[MachineImage]:
    """The images that were made for a deployment.

    Raises:
        CloudError: EC2 can't be asked.
    """
    filters = [{"Name": f"tag:{TAG_IMAGE}", "Values": [deployment]}]
    with asking(f"DescribeImages with {TAG_IMAGE}={deployment}"):
        pages = access.client("ec2").get_paginator("describe_images").paginate(Owners=["self"], Filters=filters)
        return [_image(each) for page in pages for each in page["Images"]]


def find_image(access: CloudAccess, image_id: str) -> MachineImage:
    """One image.

    Raises:
        NotFoundError: EC2 knows none of this id.
        CloudError: EC2 can't be asked.
    """
    try:
        with asking(f"DescribeImages {image_id}"):
            found = access.client("ec2").describe_images(ImageIds=[image_id])["Images"]
    except CloudError as exc:
        if not is_missing(exc, *_NO_IMAGE):
            raise
        found = []
    if not found:
        raise NotFoundError(f"there is no image {image_id} in {access.region}; `janitor ami --dry-run` lists yours")
    return _image(found[0])


def images_of_templates(access: CloudAccess) -> dict[str, str]:
    """The images that the default version of any launch template names, by what names them.

    Every template of the account in the region: another deployment may launch this one's image.

    Raises:
        CloudError: EC2 or SSM can't be asked.
    """
    client, named = access.client("ec2"), {}
    with asking("DescribeLaunchTemplates"):
        pages = client.get_paginator("describe_launch_templates").paginate()
        templates = [
            (each["LaunchTemplateId"], each["LaunchTemplateName"]) for page in pages for each in page["LaunchTemplates"]
        ]
    for template_id, name in templates:
        with asking(f"DescribeLaunchTemplateVersions {name}"):
            versions = client.describe_launch_template_versions(LaunchTemplateId=template_id, Versions=["$Default"])
        for version in versions["LaunchTemplateVersions"]:
            image: str | None = version["LaunchTemplateData"].get("ImageId")
            # By hand rather than by ResolveAlias, which refuses the whole answer where one parameter isn't there.
            if image is not None and image.startswith(_BY_PARAMETER):
                image = parameter_value(access, image.removeprefix(_BY_PARAMETER))
            if image is not None:
                named[image] = f"the launch template {name}"
    return named


def remove_image(access: CloudAccess, image: MachineImage) -> list[str]:
    """Deregister an image, then delete its snapshots; the snapshots that are in use by another image stay, and are
    returned. What is gone already is no trouble.

    Raises:
        CloudError: EC2 refused.
    """
    try:
        with asking(f"DeregisterImage {image.image_id}"):
            access.client("ec2").deregister_image(ImageId=image.image_id)
    except CloudError as exc:
        if not is_missing(exc, *_NO_IMAGE):
            raise
    return [snapshot_id for snapshot_id in image.snapshot_ids if not remove_snapshot(access, snapshot_id)]


def remove_snapshot(access: CloudAccess, snapshot_id: str) -> bool:
    """Delete a snapshot; False where an image uses it.

    Raises:
        CloudError: EC2 refused.
    """
    try:
        with asking(f"DeleteSnapshot {snapshot_id}"):
            access.client("ec2").delete_snapshot(SnapshotId=snapshot_id)
    except CloudError as exc:
        if is_missing(exc, *_SNAPSHOT_IN_USE):
            return False
        if not is_missing(exc, *_NO_SNAPSHOT):
            raise
    return True


def own_snapshots(access: CloudAccess, deployment: str) -> dict[str, datetime]:
    """The snapshots that were made for a deployment's images, and when.

    Raises:
        CloudError: EC2 can't be asked.
    """
    filters = [{"Name": f"tag:{TAG_IMAGE}", "Values": [deployment]}]
    with asking(f"DescribeSnapshots with {TAG_IMAGE}={deployment}"):
        pages = access.client("ec2").get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
        return {each["SnapshotId"]: each["StartTime"] for page in pages for each in page["Snapshots"]}


def _image(answer: Any) -> MachineImage:
    devices = answer.get("BlockDeviceMappings") or []
    return MachineImage(
        image_id=answer["ImageId"],
        name=answer.get("Name") or answer["ImageId"],
        created_at=datetime.fromisoformat(answer["CreationDate"].replace("Z", "+00:00")),
        state=ImageState.of(answer.get("State", "")),
        snapshot_ids=tuple(each["Ebs"]["SnapshotId"] for each in devices if (each.get("Ebs") or {}).get("SnapshotId")),
    )
