"""Which files a stage surely lacks at one moment: what no COPY brings and no command before may have made."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.image_files import ImageFiles
from janitor.inspection.provision.system.base_system import Contents
from janitor.inspection.provision.system.state import StageState
from janitor.inspection.provision.system.system_packages import is_listed

_OF_THE_SYSTEM = re.compile(r"/(?:bin|boot|dev|etc|home|lib|lib32|lib64|proc|run|sbin|sys|usr|var)(?:/|$)")
_OF_PACKAGES = re.compile(r"/(?:opt|srv|mnt|media)(?:/|$)")
"""Where packages of the system may have files, too."""
_OF_CUDA = re.compile(r"/(?:opt|[^/.]+$)")


_MOST_WORK = 20_000_000
"""Of all questions of one Dockerfile together, in characters and files that are looked through."""


class Room:
    """How much may still be looked through."""

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def has(self, cost: int) -> bool:
        """Whether there is room for it; it is taken."""
        self._left -= cost
        return self._left >= 0


@dataclass(frozen=True, kw_only=True)
class KnownFiles:
    """The files of a stage as one command finds them."""

    listed: Callable[[], ImageFiles]
    """Those of the repository; asked only when that matters."""
    made_by_copies: frozenset[str]
    """Absolute paths of what the Dockerfile itself holds, as heredocs."""
    folders: frozenset[str]
    """That are surely there, now or later."""
    is_sure: bool
    """Whether it is sure which files of the repository there are."""
    mounted: tuple[str, ...]
    """Where the command sees other files."""
    room: Room
    sees_elsewhere: bool
    """Whether it mounts something of another stage or image."""

    @cached_property
    def _files(self) -> ImageFiles | None:
        """None where there are more than may be looked through."""
        listed = self.listed()
        return listed if self.room.has(20 * len(listed)) else None

    @cached_property
    def _above(self) -> frozenset[str]:
        return frozenset(str(parent) for path in self._files or () for parent in PurePosixPath(path).parents)

    def holds(self, path: str) -> bool:
        """Whether the repository has put a file or a folder there, or may have."""
        is_listed = self._files is None or path in self._files or path in self._above
        return is_listed or path in self.made_by_copies

    def surely_lacks(self, path: str, state: StageState) -> bool:
        """Whether nothing may be at an absolute path.

        Args:
            path: The path, with nothing in it that a shell expands.
            state: What else the stage may hold.
        """
        system = state.system
        if system is None or not self.is_sure or self.sees_elsewhere or state.open_files is not None:
            return False
        if _OF_THE_SYSTEM.match(path) or any(part.startswith(".") for part in path.split("/")) or path == "/":
            return False
        if system.contents in (Contents.CUDA, Contents.CUDA_DEVEL) and _OF_CUDA.match(path):
            return False
        if not self.room.has(sum(map(len, state.texts)) + 1_000):
            return False
        if _OF_PACKAGES.match(path) and not all(map(is_listed, state.packages)):
            return False
        name = posixpath.basename(path)
        if any(name in text for text in state.texts) or path in self.folders or self.holds(path):
            return False
        if state.is_vague(path) or any(f"{path}/".startswith(f"{each.rstrip('/')}/") for each in self.mounted):
            return False
        # What is in an environment that a command made.
        return not any(f"{each}/".startswith(f"{path.rstrip('/')}/") for each in state.programs)
