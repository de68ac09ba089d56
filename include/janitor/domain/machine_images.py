"""Machine images: which of a deployment's own are superseded and may be removed.

Invariant: what anything names that could still be launched is never removed, however old it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

TAG_IMAGE = "janitor:ami"
"""On an image and on its snapshots; the value is the deployment."""
IMAGES_KEPT = 2
"""The one that is launched, and the one before it to go back to."""


class ImageState(str, Enum):
    """What EC2 says of an image; a closed part of its words, as only the first can be launched."""

    AVAILABLE = "available"
    PENDING = "pending"
    OTHER = "other"
    """Failed, invalid, deregistered, disabled: it won't be launched any more."""

    @classmethod
    def of(cls, word: str) -> ImageState:
        """EC2's word."""
        return next((state for state in cls if state.value == word), cls.OTHER)


@dataclass(frozen=True, kw_only=True)
class MachineImage:
    """An image of the deployment's own."""

    image_id: str
    name: str
    created_at: datetime
    state: ImageState
    snapshot_ids: tuple[str, ...]
    """Which cost as long as they are there, also without the image."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What becomes of a deployment's images."""

    superseded: tuple[MachineImage, ...]
    """To be removed, the oldest first."""
    held: Mapping[str, str]
    """Images that would be removed, and what names them."""


def image_parameter_of(deployment: str) -> str:
    """The SSM parameter that names the image to launch; the launch template resolves it at each launch."""
    return f"/janitor/{deployment}/ami"


def select_images(images: Collection[MachineImage], *, named: Mapping[str, str], keep: int = IMAGES_KEPT) -> Selection:
    """Which images are superseded.

    Args:
        images: Of the deployment.
        named: Images that something names, by what: a launch template's default version, a parameter.
        keep: The newest of those that can be launched stay, so many.
    """
    newest_first = sorted(images, key=lambda image: (image.created_at, image.name), reverse=True)
    kept = {image.image_id for image in [each for each in newest_first if each.state is ImageState.AVAILABLE][:keep]}
    # A pending one belongs to a build that is going on.
    beyond = [each for each in newest_first if each.image_id not in kept and each.state is not ImageState.PENDING]
    return Selection(
        superseded=tuple(each for each in reversed(beyond) if each.image_id not in named),
        held={each.image_id: named[each.image_id] for each in beyond if each.image_id in named},
    )
