"""A base image whose tag is gone from its registry: the nearest one of the same name, versions and system."""

from __future__ import annotations

import re

from janitor.domain.repair.image_tags import nearest_tag
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.repair.writing import Edit
from janitor.inspection.dockerfile.image_reference import parse_reference
from janitor.inspection.dockerfile.usage import used_images
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, failed_with
from janitor.services.repair.world import World


class BaseTag:
    """See the module."""

    name = "base_tag"
    repairs = "a base image whose tag its registry doesn't have any more"
    how = "the nearest patch of the same name, CUDA minor version, cuDNN, system and flavour"

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """See `Recipe`."""
        failed = list(failed_with(failure, ReasonCode.BASE_MISSING))
        if not failed:
            return None
        path, parsed = worker.layout.dockerfile, worker.parsed
        text = None if path is None else worker.text(path)
        if path is None or parsed is None or text is None:
            return Abstained(reason="its Dockerfile can't be read")
        after, causes = text, []
        said = " ".join(check.reason or "" for check in failed)
        for image in used_images(parsed):
            if image.reference not in said:
                continue
            reference = parse_reference(image.reference)
            if "@" in image.reference:
                return Abstained(reason=f"{image.reference} is pinned by its digest")
            tags = world.tags(reference)
            if reference.version in tags:
                continue
            tag = nearest_tag(reference.version, tags)
            if tag is None:
                return Abstained(reason=f"no tag of {reference.repository} is near {reference.version}")
            changed = _with_tag(after, image.reference, reference.version, tag)
            if changed is None:
                return Abstained(reason=f"the Dockerfile doesn't name {image.reference} in one place")
            after = changed
            causes.append(f"{image.reference} is gone; nearest is {tag}")
        if not causes:
            return Abstained(reason="no base image is known to be gone")
        return Draft(
            edits={str(path): Edit(before=text, after=after)},
            summary="Start from the nearest tag of the base image",
            root_cause=f"The registry has the base image's tag no more: {'; '.join(causes)}.",
            evidence=(*(check.reason or check.name for check in failed), *causes),
        )


def _with_tag(text: str, reference: str, gone: str, tag: str) -> str | None:
    """The Dockerfile with another tag: where the reference stands, else in the one ARG that has its tag."""
    whole = rf"(?<![\w./:-]){re.escape(reference)}(?![\w./:@-])"
    name = reference.rpartition(":")[0]
    after, count = re.subn(whole, f"{name}:{tag}", text)
    if count:
        return after
    argument = rf"(?im)^([ \t]*ARG[ \t]+\w+=[\"']?(?:[\w./-]+:)?){re.escape(gone)}(?=[\"']?[ \t]*(?:#|$))"
    after, count = re.subn(argument, lambda match: f"{match[1]}{tag}", text)
    return after if count == 1 else None
