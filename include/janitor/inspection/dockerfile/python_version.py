"""Which Python an image has, so far as its Dockerfile says."""

from __future__ import annotations

import re

from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Run

_BASE = re.compile(r"(?:^|/)(?:python|pypy)(?:@\S+|:(\d+)\.(\d+))")
_TAG = re.compile(r"py(?:thon)?[-_]?(3)\.?(\d{1,2})(?!\d)")
_OFFICIAL = re.compile(r"(?:docker\.io/)?(?:library/)?python:(\d+)\.(\d+)(?:\D.*)?")
_ANOTHER = re.compile(
    r"python[23]|\bpyenv\b|conda|mamba\b|deadsnakes|\buv\s+(?:venv|python|sync|run)\b|\bpypy|--python\b"
)
_RUN = re.compile(r"\bpython(3)\.(\d{1,2})\b")


def python_version(dockerfile: Dockerfile) -> tuple[int, int] | None:
    """The (major, minor) version that the final image's worker runs with; None if it isn't said."""
    base = dockerfile.final.base_image
    for pattern in (_BASE, _TAG):
        if (match := pattern.search(base)) and match.group(1):
            return int(match.group(1)), int(match.group(2))
    commands = [dockerfile.final.command, dockerfile.final.entrypoint]
    texts = [command.value for command in commands if command is not None]
    texts += [step.command for stage in dockerfile.final.lineage() for step in stage.steps if isinstance(step, Run)]
    for text in texts:
        if match := _RUN.search(text):
            return int(match.group(1)), int(match.group(2))
    return None


def only_python(dockerfile: Dockerfile) -> tuple[int, int] | None:
    """The (major, minor) version of an image that surely has no other; None where another may run the worker, and
    for Python 2, whose grammar no other one knows."""
    match = _OFFICIAL.fullmatch(dockerfile.final.base_image)
    steps = [step for stage in dockerfile.stages for step in stage.steps]
    copied = any(isinstance(step, Copy) and step.from_ is not None for step in steps)
    another = any(isinstance(step, Run) and _ANOTHER.search(step.command) for step in steps)
    is_sure = match is not None and match.group(1) == "3" and not copied and not another
    return (int(match.group(1)), int(match.group(2))) if match is not None and is_sure else None
