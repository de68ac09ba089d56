"""What a stage of a build may hold at one moment: programs, interpreters and packages.

Everything that an instruction may bring is taken in, so that what isn't among it is surely not there. A command that
isn't understood opens the stage: from then on nothing is surely missing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from janitor.inspection.dockerfile.base_images import PROGRAM_FOLDERS
from janitor.inspection.provision.system.base_system import BaseSystem, Contents, Family
from janitor.inspection.provision.system.interpreters import (
    Interpreter,
    matches,
    numbered_python,
    own_python,
    system_python,
)
from janitor.inspection.provision.system.system_packages import may_bring

BIN_FOLDERS = frozenset(PROGRAM_FOLDERS)
_MOST_PROGRAMS, _MOST_SITES, _MOST_INSTALLED = 400, 80, 400
_MOST_FOLDERS = 100
"""Of PATH."""
_PYTHONS = re.compile(r"(?:python|pip)[\d.]*$")
ALL = "*"
"""Stands for all packages of a folder."""
ANYTHING = "?"
"""Stands for packages of the system whose names aren't known."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What one command has put into a folder of packages."""

    line: int
    place: int
    """Of the command in its instruction."""
    names: frozenset[str] | None
    """The packages, where all of them were named; None where a file or a project names them."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What one command has taken out of a folder of packages."""

    line: int
    place: int
    folder: str
    names: tuple[str, ...]
    """`ALL` alone where it is everything."""
    is_by_hand: bool = False
    """Whether its files were taken away, and no package was uninstalled."""


class Lookup:
    """What came of a search for a program."""


@dataclass(frozen=True)
class Found(Lookup):
    """It is an interpreter."""

    interpreter: Interpreter


@dataclass(frozen=True)
class Missing(Lookup):
    """It is surely not there."""


@dataclass(frozen=True)
class Unknown(Lookup):
    """It may be there, and what it is isn't known."""


@dataclass(kw_only=True)
class StageState:
    """What a stage holds."""

    system: BaseSystem | None
    programs: dict[str, Interpreter | None] = field(default_factory=dict)
    """By absolute path; None for one that is no interpreter, or which one isn't known."""
    pips: dict[str, str] = field(default_factory=dict)
    """pip's programs → the path of the interpreter that each belongs to."""
    names: set[str] = field(default_factory=set)
    """Programs that are somewhere in the stage."""
    packages: set[str] = field(default_factory=set)
    """Of the distribution."""
    sites: dict[str, list[Installed]] = field(default_factory=dict)
    removed: list[Removed] = field(default_factory=list)
    open_programs: str | None = None
    """What may have brought any program; None where nothing has."""
    open_packages: str | None = None
    """What may have brought any Python package; None where nothing has."""
    open_files: str | None = None
    """What may have made any file; None where nothing has."""
    vague: list[str] = field(default_factory=list)
    """Folders into which files were copied that the repository doesn't hold."""
    texts: list[str] = field(default_factory=list)
    """The commands that were run."""
    breaks_system: bool = False
    """Whether pip was told for good to install into the system's own Python."""

    @classmethod
    def of_base(cls, system: BaseSystem | None, reference: str) -> StageState:
        """What a base image brings."""
        state = cls(system=system)
        if system is None:
            state.open_all(f"the base image {reference}")
        elif system.has_python:
            python = own_python(system.python)
            state.add_python(python, "/usr/local/bin", ("python", "python3"))
            state.add_pip("/usr/local/bin", python.path, ("pip", "pip3"))
            if system.python is not None:
                state.add_python(python, "/usr/local/bin", (f"python{system.python}",))
                state.add_pip("/usr/local/bin", python.path, (f"pip{system.python}",))
        return state

    def copy(self) -> StageState:
        """The same, for a stage that builds on this one."""
        return replace(
            self,
            programs=dict(self.programs),
            pips=dict(self.pips),
            names=set(self.names),
            packages=set(self.packages),
            sites={folder: list(each) for folder, each in self.sites.items()},
            removed=list(self.removed),
            vague=list(self.vague),
            texts=list(self.texts),
        )

    def bounded(self) -> None:
        """Keep what is remembered within bounds: of a stage that has more, nothing is surely missing."""
        if len(self.programs) > _MOST_PROGRAMS or len(self.sites) > _MOST_SITES or len(self.vague) > _MOST_SITES:
            self.open_all("more programs and folders than are remembered")
            for each in (self.programs, self.pips, self.sites, self.vague):
                each.clear()

    # -- what comes in

    def open_all(self, why: str) -> None:
        """Something may have brought anything."""
        self.open_programs = self.open_programs or why
        self.open_packages = self.open_packages or why
        self.open_files = self.open_files or why

    def add_python(self, interpreter: Interpreter, folder: str, names: tuple[str, ...]) -> None:
        """An interpreter by its names in a folder of programs."""
        for name in names:
            self.programs[posixpath.join(folder, name)] = interpreter

    def add_pip(self, folder: str, interpreter: str, names: tuple[str, ...]) -> None:
        """pip's programs in a folder, and whose they are."""
        for name in names:
            self.programs[posixpath.join(folder, name)] = None
            self.pips[posixpath.join(folder, name)] = interpreter

    def add_system_packages(self, names: set[str]) -> None:
        """Packages of the distribution, with the interpreters that they bring."""
        self.packages |= names
        system = self.system
        if system is None or not system.shell_is_dash:
            return
        has_python3 = any(may_bring([name], "python3", only_by_name=True) for name in names)
        python3 = self.programs.get("/usr/bin/python3")
        if has_python3 and "/usr/bin/python3" not in self.programs:
            python3 = system_python(system.system_python, is_managed=system.is_managed)
            self.add_python(python3, "/usr/bin", ("python3",))
            if system.system_python is not None:
                self.add_python(python3, "/usr/bin", (f"python{system.system_python}",))
        if "python3-pip" in names:
            self.add_pip("/usr/bin", "/usr/bin/python3", ("pip", "pip3"))
        if "python-is-python3" in names:
            self.programs["/usr/bin/python"] = python3
        for minor in range(6, 16):
            version = f"3.{minor}"
            if version != system.system_python and any(name.split("-")[0] == f"python{version}" for name in names):
                self.add_python(numbered_python(version), "/usr/bin", (f"python{version}",))

    def installed(self, folder: str, what: Installed) -> None:
        """Packages were put into a folder."""
        found = self.sites.setdefault(folder, [])
        if len(found) < _MOST_INSTALLED:
            found.append(what)
        else:
            self.open_packages = self.open_packages or "more installations than are remembered"

    # -- what is there

    def of_path(self, path: str) -> Interpreter | None:
        """The interpreter of an absolute path, as it is in this stage: an environment's is what its link leads to."""
        found = self.programs.get(path)
        if found is None or found.folder is None or found.links_to is None:
            return found
        target = self.programs.get(found.links_to)
        if target is None or target.folder is not None or target.version == found.version:
            return found
        own = posixpath.join(found.folder, "lib", f"python{target.version or '*'}", "site-packages")
        return replace(found, version=target.version, writes=own, reads=(own, *found.reads[1:]))

    def look_up(self, word: str, folders: tuple[str, ...] | None, *, holds_file: bool) -> Lookup:
        """A program by its name or its absolute path.

        Args:
            word: Its name.
            folders: Where it is looked for; None where that isn't known.
            holds_file: Whether the repository brings such a file.
        """
        if word.startswith("/"):
            return self._by_path(word, holds_file=holds_file)
        for folder in folders or ():
            path = posixpath.join(folder, word)
            if path in self.programs and not isinstance(found := self._by_path(path, holds_file=holds_file), Missing):
                # A link that leads nowhere is passed over for the next folder.
                return found
        if folders is None or holds_file or self._may_bring(word):
            return Unknown()
        return Missing()

    def is_vague(self, path: str) -> bool:
        """Whether a path is in a folder into which files were copied that the repository doesn't hold, or is it."""
        return any(f"{path}/".startswith(f"{each.rstrip('/')}/") for each in self.vague)

    def _may_bring(self, name: str) -> bool:
        """Whether a program of this name may be somewhere in the image."""
        system = self.system
        if system is None or self.open_programs is not None or name in self.names or not system.lacks(name):
            return True
        if system.family is Family.ALPINE and _PYTHONS.match(name):
            # Its packages of Python bring the plain names, too.
            return any(each == ANYTHING or each.startswith(("py3", "python")) for each in self.packages)
        return may_bring(self.packages, name, only_by_name=system.has_no_plain_python)

    def _by_path(self, path: str, *, holds_file: bool) -> Lookup:
        if path in self.programs:
            found = self.of_path(path)
            if found is None:
                return Unknown()
            is_cut_off = found.links_to is not None and self._is_cut_off(found.links_to)
            return Missing() if is_cut_off else Found(found)
        folder, name = posixpath.split(path)
        if holds_file or self.open_programs is not None or self.system is None:
            return Unknown()
        if folder in BIN_FOLDERS:
            # Of a shell's and a system's own programs nothing is said.
            return Unknown() if self._may_bring(name) else Missing()
        is_known = folder.startswith("/opt/") and self.system.contents in (Contents.MINIMAL, Contents.BUILD_TOOLS)
        is_known = is_known or folder.startswith(("/app", "/src", "/workspace", "/venv", "/worker", "/code", "/srv"))
        return Missing() if is_known and not self.is_vague(path) and self.open_files is None else Unknown()

    def _is_cut_off(self, path: str) -> bool:
        """Whether the interpreter that an environment links to is surely not here.

        Packages of the system put none into /usr/local, and whoever copies one brings it by several names.
        """
        folder, name = posixpath.split(path)
        if path in self.programs:
            return False
        if folder != "/usr/local/bin" or self.open_programs is not None or self.system is None:
            return isinstance(self._by_path(path, holds_file=False), Missing)
        is_beside = any(posixpath.dirname(each) == folder for each in self.programs)
        return not self.system.has_python and self.system.lacks(name) and name not in self.names and not is_beside

    def received(self, folders: tuple[str, ...]) -> list[Installed]:
        """What was put into any of these folders."""
        return [
            each
            for folder, found in self.sites.items()
            if any(matches(folder, read) for read in folders)
            for each in found
        ]


def path_folders(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The folders of PATH in their order; None where it isn't known. An empty part is what the base image has."""
    value = environment.get("PATH")
    if value is None:
        return PROGRAM_FOLDERS
    folders: list[str] = []
    if value.count(":") > _MOST_FOLDERS:
        return None
    for part in value.split(":"):
        if not part:
            folders += PROGRAM_FOLDERS
        elif "$" in part or not part.startswith("/"):
            return None
        else:
            folders.append(posixpath.normpath(part))
    return tuple(folders)
