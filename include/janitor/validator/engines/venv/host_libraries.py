"""Which libraries of the system the installed packages ask for, where this machine's stand in for the image's."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from janitor.inspection.elf import needed_libraries
from janitor.inspection.provision.system.state import StageState
from janitor.inspection.provision.system.system_libraries import LIBRARIES, SystemLibrary, is_everywhere, surely_lacks
from janitor.inspection.python.installed_imports import surely_loaded

_MOST_ENTRIES, _MOST_LIBRARIES = 100_000, 3_000
_DEEPEST = 12
_COMPILED = ".so"


@dataclass(frozen=True, kw_only=True)
class LibraryFault:
    """A library that an import surely needs and the image surely lacks."""

    module: str
    """The import that needs it."""
    library: str
    package: str
    """Of the system, that brings it."""

    @property
    def text(self) -> str:
        """For people, with what helps."""
        headless = ", or take opencv-python-headless" if self.module == "cv2" else ""
        return f"importing {self.module} needs {self.library}, and the image has none: install {self.package}{headless}"


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A library of this machine that packages use in place of the image's."""

    library: str
    needed_by: str
    """A file of the packages."""
    is_lacking: bool
    """Whether the image surely has none."""


class InstalledLibraries:
    """The compiled files of an environment.

    Args:
        folder: Of its packages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = list(islice(_compiled_files(folder), _MOST_LIBRARIES))
        self._names: dict[str, Path] = {path.name: path for path in self._paths}
        self._needed: dict[Path, tuple[str, ...]] = {}

    def fault(self, modules: Iterable[str], state: StageState) -> LibraryFault | None:
        """The first library that these imports surely need and the image surely lacks."""
        for path, module in surely_loaded(self._folder, modules).items():
            for library in sorted(self._outside(path)):
                lacking = surely_lacks(state, library)
                if lacking is not None:
                    return LibraryFault(module=module, library=library, package=lacking.package)
        return None

    def stand_ins(self, state: StageState) -> list[StandIn]:
        """Every library that the packages need and don't bring, and that images differ in."""
        found: dict[str, StandIn] = {}
        for path in self._paths:
            for library in self._needs(path):
                if library not in found and library not in self._names and not is_everywhere(library):
                    found[library] = StandIn(
                        library=library,
                        needed_by=str(path.relative_to(self._folder)),
                        is_lacking=_is_known(surely_lacks(state, library)),
                    )
        return sorted(
            found.values(), key=lambda each: (not each.is_lacking, each.library not in LIBRARIES, each.library)
        )

    def _needs(self, path: Path) -> tuple[str, ...]:
        if path not in self._needed:
            try:
                with path.open("rb") as file:
                    self._needed[path] = needed_libraries(file)
            except OSError:
                self._needed[path] = ()
        return self._needed[path]

    def _outside(self, path: Path, seen: Collection[str] = (), depth: int = _DEEPEST) -> set[str]:
        """What a file and the libraries that come with the packages need of the system."""
        found: set[str] = set()
        for library in self._needs(path):
            inside = self._names.get(library)
            if inside is None:
                found.add(library)
            elif library not in seen and depth:
                found |= self._outside(inside, {*seen, library}, depth - 1)
        return found


def _is_known(library: SystemLibrary | None) -> bool:
    return library is not None


def _compiled_files(folder: Path) -> Iterator[Path]:
    count = 0
    for base, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > _MOST_ENTRIES:
                return
            if name.endswith(_COMPILED) or f"{_COMPILED}." in name:
                yield Path(base) / name
