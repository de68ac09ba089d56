"""Which images the Dockerfile's references stood for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from janitor.inspection.dockerfile.image_reference import ImageReference, parse_reference
from janitor.inspection.dockerfile.stages import Dockerfile
from janitor.inspection.dockerfile.usage import ImageUse, used_images
from janitor.protocol.terms.provenance import (
    DIGEST_PATTERN,
    MAX_BASE_IMAGES,
    MAX_REFERENCE_CHARACTERS,
    MAX_STAGE_CHARACTERS,
    BaseImage,
    ResolvedBy,
)
from janitor.validator.provenance.telling import Tell

_DIGEST = re.compile(DIGEST_PATTERN)


def base_images(
    dockerfile: Dockerfile, *, taken: Mapping[str, str], registry: Mapping[str, str], tell: Tell
) -> tuple[BaseImage, ...]:
    """The images that the Dockerfile starts and copies from, with their digests where somebody said them.

    Args:
        dockerfile: As it was read.
        taken: Digest by full name, of what the builder took (see `images_taken`); it knows better than who was asked
            before the build.
        registry: Digest by reference as written, as the registries gave it.
        tell: Cleans words of the repository.
    """
    built = {parse_reference(name): digest for name, digest in taken.items()}
    uses = used_images(dockerfile)
    named = {parse_reference(use.reference) for use in uses}
    # A bake file may give the Dockerfile's arguments other values than were known when it was read.
    others = [ImageUse(reference=name, line=0, stage=None) for name in taken if parse_reference(name) not in named]
    return tuple(_base_image(use, built, registry, tell) for use in [*uses, *others][:MAX_BASE_IMAGES])


def _base_image(
    use: ImageUse, built: Mapping[ImageReference, str], registry: Mapping[str, str], tell: Tell
) -> BaseImage:
    reference = parse_reference(use.reference)
    found = (
        (built.get(reference), ResolvedBy.BUILD),
        (registry.get(use.reference), ResolvedBy.REGISTRY),
        (reference.version, ResolvedBy.REFERENCE),
    )
    digest, resolved_by = next(
        ((digest, who) for digest, who in found if digest is not None and _DIGEST.fullmatch(digest)), (None, None)
    )
    return BaseImage(
        reference=tell(use.reference, MAX_REFERENCE_CHARACTERS) or "unnamed",
        stage=None if use.stage is None else tell(use.stage, MAX_STAGE_CHARACTERS),
        digest=digest,
        resolved_by=resolved_by,
    )
