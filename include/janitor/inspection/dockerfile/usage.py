"""Which stages BuildKit builds, and of which images: the final one, those below it, and those that it copies or mounts
from.

A stage that nothing needs is not built, so nothing that is wrong in it fails the build.
"""

from __future__ import annotations

from dataclasses import dataclass

from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Run, Stage

_VIRTUAL = frozenset({"scratch"})


@dataclass(frozen=True, kw_only=True)
class ImageUse:
    """An image that comes from a registry."""

    reference: str
    """As written, with its variables replaced."""
    line: int
    """Of the Dockerfile, where it is named first."""
    stage: str | None
    """The stage that it is the base of, by name, else by index; None where it is only copied from."""


def used_images(dockerfile: Dockerfile) -> list[ImageUse]:
    """The images that the build starts or copies from, each once."""
    names = dockerfile.stages_by_name
    found: dict[str, ImageUse] = {}
    for stage in used_stages(dockerfile):
        if stage.parent is None and stage.base and not stage.base_unknown and stage.base not in _VIRTUAL:
            name = stage.name or str(stage.index)
            found.setdefault(stage.base, ImageUse(reference=stage.base, line=stage.line, stage=name))
        for step in stage.steps:
            if isinstance(step, Copy) and step.from_ and step.from_.lower() not in names and not step.unknown:
                found.setdefault(step.from_, ImageUse(reference=step.from_, line=step.line, stage=None))
    return list(found.values())


def used_stages(dockerfile: Dockerfile) -> list[Stage]:
    """The stages that are built, in order."""
    by_name = dockerfile.stages_by_name
    waiting, found = [dockerfile.final], set[int]()
    while waiting:
        stage = waiting.pop()
        if stage.index in found:
            continue
        found.add(stage.index)
        names = [step.from_ for step in stage.steps if isinstance(step, Copy) and step.from_ is not None]
        names += [name for step in stage.steps if isinstance(step, Run) for name in step.mounts_from]
        waiting += [by_name[name.lower()] for name in names if name.lower() in by_name]
        if stage.parent is not None:
            waiting.append(stage.parent)
    return [stage for stage in dockerfile.stages if stage.index in found]
