"""What became of a deployment's machine images."""

from __future__ import annotations

from janitor.services.machine_image.housekeeping import Tidied


def tidied_text(tidied: Tidied, *, dry_run: bool) -> str:
    """A line for each image and snapshot that was removed, or would be, and for each that is held."""
    removed = "would be removed" if dry_run else "removed"
    lines = [
        f"{image.image_id} ({image.name}) {removed}, with {len(image.snapshot_ids)} "
        + ("snapshot" if len(image.snapshot_ids) == 1 else "snapshots")
        for image in tidied.removed
    ]
    lines += [f"{snapshot} {removed}: a snapshot without its image" for snapshot in tidied.snapshots]
    lines += [f"{image_id} stays: {what} names it" for image_id, what in sorted(tidied.held.items())]
    lines += [f"{snapshot} stays: another image uses it" for snapshot in tidied.in_use]
    return "\n".join(lines) if lines else "No image is superseded"
