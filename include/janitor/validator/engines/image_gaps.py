"""What an image brings beside its Python packages, as far as its Dockerfile tells: what an environment made without
building it lacks."""

from __future__ import annotations

import re

from janitor.validator.dockerfile.command import Command
from janitor.validator.dockerfile.image_files import copies_from_elsewhere
from janitor.validator.dockerfile.stages import Dockerfile
from janitor.validator.engines.gaps import Gap

_BARE_BASES = frozenset({"python", "ubuntu", "debian", "alpine", "scratch"})
_SYSTEM_BASES = frozenset({"nvidia/cuda", "nvcr.io/nvidia/cuda", "runpod/base"})
"""Bases that bring libraries of the system, but nothing that a worker would miss in another way."""


def image_gaps(dockerfile: Dockerfile, command: Command) -> list[Gap]:
    """The gaps that the base, copies from elsewhere and a start script leave."""
    base = dockerfile.final.base_image
    name = _name(base)
    gaps = []
    if name not in _BARE_BASES:
        gaps.append(Gap(text=f"the base image {base}", is_deep=name not in _SYSTEM_BASES))
    gaps += [
        Gap(text=f"{copy.keyword} of {' '.join(copy.sources)[:80]} (line {copy.line})", is_deep=True)
        for copy in copies_from_elsewhere(dockerfile)
    ]
    if command.files and command.files[0].endswith(".sh"):
        gaps.append(Gap(text=f"what {command.files[0]} starts beside the program", is_deep=False))
    return gaps


def base_has_build_tools(dockerfile: Dockerfile) -> bool:
    """Whether the base is a Python image that comes with a compiler: all but the slim and the alpine ones."""
    base = dockerfile.final.base_image
    return _name(base) == "python" and "slim" not in base and "alpine" not in base


def _name(base: str) -> str:
    return re.split(r"[:@]", base)[0].removeprefix("docker.io/").removeprefix("library/")
