"""Which Python an image has, so far as its Dockerfile says."""

from __future__ import annotations

import re

from janitor.validator.dockerfile.stages import Dockerfile, Run

_BASE = re.compile(r"(?:^|/)(?:python|pypy)(?:@\S+|:(\d+)\.(\d+))")
_TAG = re.compile(r"py(?:thon)?[-_]?(3)\.?(\d{1,2})(?!\d)")
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
