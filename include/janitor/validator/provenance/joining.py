"""What several checks find out of a validation's provenance, put together."""

from __future__ import annotations

from dataclasses import replace

from janitor.protocol.terms.provenance import MAX_BASE_IMAGES, MAX_NOTES, BaseImage, Provenance


def joined(before: Provenance, more: Provenance) -> Provenance:
    """What either knows; what was found out later knows better."""
    known = (*before.notes, *(note for note in more.notes if note not in before.notes))
    return replace(
        before,
        commit=more.commit or before.commit,
        base_images=_images(before, more),
        packages=more.packages or before.packages,
        notes=known[:MAX_NOTES],
    )


def _images(before: Provenance, more: Provenance) -> tuple[BaseImage, ...]:
    found = {image.reference: image for image in before.base_images}
    for image in more.base_images:
        if image.digest is not None or image.reference not in found:
            found[image.reference] = image
    return tuple(found.values())[:MAX_BASE_IMAGES]
