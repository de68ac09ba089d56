"""Which stages BuildKit builds: the final one, those below it, and those that it copies or mounts from.

A stage that nothing needs is not built, so nothing that is wrong in it fails the build.
"""

from __future__ import annotations

from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Run, Stage


def used_stages(dockerfile: Dockerfile) -> list[Stage]:
    """The stages that are built, in order."""
    by_name = {stage.name: stage for stage in dockerfile.stages if stage.name}
    by_name.update({str(stage.index): stage for stage in dockerfile.stages})
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
