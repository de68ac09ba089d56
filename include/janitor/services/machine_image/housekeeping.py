"""Publishes a machine image, and removes those that are superseded, with their snapshots.

The order is the safety: the new image is published first; what is named is looked up after that; an image is
deregistered before its snapshots are deleted. Whatever is killed in between, the next time finds what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from janitor.cloud.provisioning import machine_images
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.machine_images import ImageState, MachineImage, image_parameter_of, select_images
from janitor.settings import Settings

BASE_PARAMETER = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
"""AWS's parameter of the newest base: Ubuntu with driver, container toolkit and Docker.
Source: AWS Deep Learning AMI developer guide, "Find a DLAMI ID"."""
_BUILD_MAY_TAKE = timedelta(days=1)
"""A snapshot without an image may belong to a build that is going on; after this it doesn't."""


@dataclass(frozen=True, kw_only=True)
class Tidied:
    """What was removed, or would be."""

    removed: tuple[MachineImage, ...] = ()
    held: dict[str, str] = field(default_factory=dict)
    """Superseded images that something names, and what."""
    snapshots: tuple[str, ...] = ()
    """Without an image: what an earlier removal left behind."""
    in_use: tuple[str, ...] = ()
    """Snapshots that another image uses; they stay."""


def base_image(settings: Settings) -> str:
    """The newest base image in the region.

    Raises:
        NotFoundError: AWS has none there.
        CloudError: SSM can't be asked.
    """
    found = machine_images.parameter_value(CloudAccess.of(settings), BASE_PARAMETER)
    if found is None:
        raise NotFoundError(f"there is no {BASE_PARAMETER} in {settings.region}; name a base image with --base")
    return found


def publish(settings: Settings, image_id: str) -> str:
    """Let launches take this image from now on; the parameter that says so.

    Raises:
        NotFoundError: There is no such image.
        ConflictError: It can't be launched.
        CloudError: AWS refused.
    """
    access, parameter = CloudAccess.of(settings), image_parameter_of(settings.deployment)
    image = machine_images.find_image(access, image_id)
    if image.state is not ImageState.AVAILABLE:
        raise ConflictError(f"the image {image_id} is not available yet, or failed; {parameter} is as it was")
    machine_images.publish_image(access, parameter, image_id)
    return parameter


def tidy(settings: Settings, *, dry_run: bool = False, progress: Callable[[str], None] = lambda _: None) -> Tidied:
    """Remove superseded images with their snapshots, and snapshots that have lost their image.

    Raises:
        CloudError: AWS can't be asked what names an image, so that nothing was removed; or it refused a removal.
    """
    access = CloudAccess.of(settings)
    images = machine_images.own_images(access, settings.deployment)
    selection = select_images(images, named=_named(settings, access))
    of_images = {snapshot for image in images for snapshot in image.snapshot_ids}
    before = datetime.now(timezone.utc) - _BUILD_MAY_TAKE
    lost = tuple(
        snapshot
        for snapshot, made_at in sorted(machine_images.own_snapshots(access, settings.deployment).items())
        if snapshot not in of_images and made_at < before
    )
    in_use: list[str] = []
    if not dry_run:
        for image in selection.superseded:
            progress(f"removing {image.image_id}")
            in_use += machine_images.remove_image(access, image)
        in_use += [snapshot for snapshot in lost if not machine_images.remove_snapshot(access, snapshot)]
    return Tidied(
        removed=selection.superseded,
        held=dict(selection.held),
        snapshots=tuple(each for each in lost if each not in in_use),
        in_use=tuple(in_use),
    )


def _named(settings: Settings, access: CloudAccess) -> dict[str, str]:
    """What could be launched, by what names it."""
    named = machine_images.images_of_templates(access)
    parameter = image_parameter_of(settings.deployment)
    published = machine_images.parameter_value(access, parameter)
    if published is not None:
        named[published] = f"the parameter {parameter}"
    if settings.image_id is not None:
        named[settings.image_id] = "JANITOR_IMAGE_ID"
    return named
