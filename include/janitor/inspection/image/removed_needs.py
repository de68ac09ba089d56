"""A file that the program surely needs and that the build surely takes out of the image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.command import Command
from janitor.inspection.dockerfile.stages import Stage
from janitor.inspection.image.places import ImagePlaces, Place
from janitor.inspection.python.file_reads import HERE, FileRead

_BRINGS_FILES = re.compile(
    r"chdir|download|urlretrieve|local_dir|extractall|unpack_archive|subprocess|os\.system|copytree|copyfile|copy2|clone"
    r"|shutil\.|symlink|rename"
)
"""By which a program may bring itself what the image lacks, or look for it elsewhere."""


@dataclass(frozen=True, kw_only=True)
class RemovedNeed:
    """What is needed and gone."""

    path: str
    """In the image."""
    line: int
    """Of the instruction that decides."""
    source: PurePosixPath
    """The file of the repository that needs it."""
    source_line: int
    text: str
    """For people."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program and its files, as far as both are known."""

    stage: Stage
    command: Command
    places: ImagePlaces
    image_files: Mapping[str, PurePosixPath]
    """Where COPY puts the repository's files, by their absolute path."""
    sources: Mapping[PurePosixPath, str]
    """The texts of its modules."""


def removed_file(program: Program, reads: Mapping[PurePosixPath, list[FileRead]]) -> RemovedNeed | None:
    """The first file that is read in any case and that an instruction takes away.

    Args:
        program: The program.
        reads: What each module reads in any case.
    """
    target = program.command.target
    if target is None or not program.command.is_alone or not program.stage.is_workdir_known:
        return None
    texts = list(program.sources.values())
    if any(_BRINGS_FILES.search(text) for text in texts):
        return None
    for source, found in reads.items():
        for read in found:
            path = _absolute(read.path, target.workdir, _place_of(program, source))
            name = posixpath.basename(read.path)
            if path is None or program.stage.is_mounted(path):
                continue
            # What is named elsewhere, too, may be made there, or asked for.
            wanted = sum(posixpath.basename(each.path) == name for all_ in reads.values() for each in all_)
            if not name or sum(text.count(name) for text in texts) > wanted:
                continue
            place = program.places.at(path)
            if place.is_absent and place.line is not None:
                text = f"{source} reads {path}, and {_why(place)}"
                return RemovedNeed(path=path, line=place.line, source=source, source_line=read.line, text=text)
    return None


def removed_module(program: Program, modules: tuple[PurePosixPath, ...]) -> RemovedNeed | None:
    """The first module that is imported in any case and that an instruction takes away.

    Args:
        program: The program.
        modules: The files of the repository that its imports lead to in any case.
    """
    places = program.places
    if (
        not places.is_read
        or not program.command.is_alone
        or any(_BRINGS_FILES.search(t) for t in program.sources.values())
    ):
        return None
    held = {file.source for _, file in places.files_below("/")}
    for module in modules:
        copied = [path for path, source in program.image_files.items() if source == module]
        gone = [places.at(path) for path in copied]
        if module in held or not gone or not all(place.is_absent for place in gone):
            continue
        # A compiled module may take its place.
        compiled = [posixpath.splitext(path)[0] + ".so" for path in copied]
        line = gone[0].line
        if line is not None and all(places.at(path).is_absent for path in compiled):
            text = f"the program imports {module}, and {_why(gone[0])}"
            return RemovedNeed(path=copied[0], line=line, source=module, source_line=1, text=text)
    return None


def _why(place: Place) -> str:
    if place.in_the_way is not None:
        return f"line {place.line} makes {place.in_the_way} a file, not a folder"
    return f"line {place.line} takes it out of the image"


def _place_of(program: Program, source: PurePosixPath) -> str | None:
    """Where a module is in the image, if it is at one place."""
    found = [path for path, each in program.image_files.items() if each == source]
    return found[0] if len(found) == 1 else None


def _absolute(path: str, workdir: str, own: str | None) -> str | None:
    if path.startswith(HERE):
        return None if own is None else posixpath.normpath(posixpath.join(posixpath.dirname(own), path[2:]))
    return posixpath.normpath(posixpath.join(workdir, path))
