"""What an image brings beside its Python packages, as far as its Dockerfile tells: what an environment made without
building it lacks."""

from __future__ import annotations

import posixpath
import re

from janitor.inspection.capability_gap import Gap
from janitor.inspection.dockerfile.command import Command
from janitor.inspection.dockerfile.image_files import copies_beside_the_repository, copies_from_elsewhere
from janitor.inspection.dockerfile.stages import Dockerfile
from janitor.inspection.install.install import IMAGE_PATH, Install

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
    is_script = bool(command.files) and command.files[0].endswith(".sh")
    if is_script or command.has_company:
        starter = command.files[0] if is_script else "the command"
        gaps.append(Gap(text=f"what {starter} starts beside the program", is_deep=command.has_company))
    return gaps


def may_come_from_elsewhere(dockerfile: Dockerfile, install: Install) -> bool:
    """Whether a file that an installation names may be there though the repository has no such file."""
    if not install.is_clear:
        return True
    stage = dockerfile.final
    if install.stage is not None:
        stage = dockerfile.stages[install.stage]
        if _name(stage.base_image) not in _BARE_BASES | _SYSTEM_BASES:
            return True
    named = [word.removeprefix(IMAGE_PATH) for word in install.arguments if word.startswith(IMAGE_PATH)]
    # A file names others of its folder.
    folders = [posixpath.dirname(path) if posixpath.splitext(path)[1] else path for path in named]
    copied = [copy.destination for copy in copies_beside_the_repository(stage)]
    return any(_is_below(one, other) or _is_below(other, one) for one in folders for other in copied)


def _is_below(path: str, folder: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def base_has_build_tools(dockerfile: Dockerfile) -> bool:
    """Whether the base is a Python image that comes with a compiler: all but the slim and the alpine ones."""
    base = dockerfile.final.base_image
    return _name(base) == "python" and "slim" not in base and "alpine" not in base


def _name(base: str) -> str:
    return re.split(r"[:@]", base)[0].removeprefix("docker.io/").removeprefix("library/")
