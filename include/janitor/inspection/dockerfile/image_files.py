"""Where the repository's files end up in the image, as COPY and ADD put them; RUN is not followed.

The venv engine makes these files real, and the static checks ask whether the command's target is among them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.base_images import is_of_uv, surely_lacks_pytorch
from janitor.inspection.dockerfile.patterns import DockerIgnore, has_wildcard
from janitor.inspection.dockerfile.sources import BuildContext, is_archive, is_remote
from janitor.inspection.dockerfile.stages import Copy, Dockerfile, Mount, Stage
from janitor.inspection.dockerfile.usage import used_stages

ImageFiles = dict[str, PurePosixPath]
"""Absolute path in the image → path in the repository."""
_MOST_FILES = 200_000
"""That are put anywhere, by all copies together; what a copy beyond that brings is not known."""


@dataclass(frozen=True, kw_only=True)
class StageFiles:
    """The repository's files in one stage."""

    files: ImageFiles
    """At its end, in the order in which they came."""
    counts: tuple[tuple[int, int], ...]
    """Of its stage and those that it builds on: the line of each copy, and how many files there were after it."""

    def before(self, line: int) -> ImageFiles:
        """The files that are there when the instruction of a line runs, as the last copy leaves them."""
        count = max((count for copied, count in self.counts if copied < line), default=0)
        return dict(islice(self.files.items(), count))


def stage_files(dockerfile: Dockerfile, context: BuildContext) -> dict[int, StageFiles]:
    """The repository's files in each stage that is built, by the stage's index."""
    made: dict[int, ImageFiles] = {}
    counts: dict[int, tuple[tuple[int, int], ...]] = {}
    room = _MOST_FILES
    for stage in used_stages(dockerfile):
        files: ImageFiles = made[stage.parent.index] if stage.parent is not None else {}
        room -= len(files)
        made[stage.index] = dict(files) if room > 0 else files
        copies: list[tuple[int, int]] = []
        for step in stage.steps:
            if isinstance(step, Copy) and room > 0:
                room -= _apply(step, stage, context, dockerfile, made)
                copies.append((step.line, len(made[stage.index])))
            elif isinstance(step, Copy):
                context.is_sure = False
        counts[stage.index] = (*(counts[stage.parent.index] if stage.parent is not None else ()), *copies)
    return {index: StageFiles(files=files, counts=counts[index]) for index, files in made.items()}


def mounted_files(mounts: Sequence[Mount], context: BuildContext) -> ImageFiles:
    """The repository's files that a RUN sees by its mounts alone."""
    return {
        posixpath.normpath(posixpath.join(mount.target, posixpath.relpath(str(file), str(path)))): context.real(file)
        for mount in mounts
        for path in context.resolve(mount.source)
        for file in context.files_below(path)
    }


def inline_files(last: Stage) -> dict[str, str]:
    """The files that heredocs of COPY and ADD bring into a stage: absolute path → content."""
    return {
        posixpath.join(step.destination, name) if step.destination.endswith("/") else step.destination: content
        for stage in last.lineage()
        for step in stage.steps
        if isinstance(step, Copy)
        for name, content in step.inline
    }


def copies_from_elsewhere(dockerfile: Dockerfile) -> list[Copy]:
    """The copies of the final image's lineage that bring in what the repository doesn't hold."""
    return [
        copy
        for copy in copies_beside_the_repository(dockerfile.final)
        if copy.from_ is None or copy.from_.lower() not in dockerfile.stages_by_name
    ]


def copies_beside_the_repository(stage: Stage) -> list[Copy]:
    """The copies of a stage's lineage that bring in more than files of the repository: what another stage or image
    has, what is downloaded or unpacked, what nobody can tell."""
    return [
        step
        for each in stage.lineage()
        for step in each.steps
        if isinstance(step, Copy)
        and (
            step.unknown
            or step.inline
            or (step.from_ is not None and not is_of_uv(step.from_))
            or any(is_remote(source) or is_archive(step, source) for source in step.sources)
        )
    ]


def _apply(copy: Copy, stage: Stage, context: BuildContext, dockerfile: Dockerfile, made: dict[int, ImageFiles]) -> int:
    """Do what one COPY or ADD does; returns how many files that were."""
    left_out = DockerIgnore("\n".join(copy.excluded))
    files = made[stage.index]
    is_folder = _is_folder_of_the_base(stage, copy.destination)
    count = 0
    if copy.from_ is None:
        for source in copy.sources:
            for path in () if is_remote(source) else context.resolve(source):
                if not context.brings_all(path):
                    context.is_sure = False
                below = {
                    relative: context.real(file) if file == path else file
                    for file in context.files_below(path)
                    if (relative := posixpath.relpath(str(file), str(path)))
                    and not (copy.excluded and _is_left_out(left_out, file, relative))
                }
                if copy.keeps_parents:
                    below = _with_parents(source, path, below)
                count += len(below)
                several = len(copy.sources) > 1 or has_wildcard(source)
                _place(copy, below, path.name, into_folder=several or is_folder, files=files)
        return count
    source_stage = dockerfile.stages_by_name.get(copy.from_.lower())
    origin = made.get(source_stage.index, {}) if source_stage is not None else {}
    for source in copy.sources:
        wanted = posixpath.normpath("/" + source.lstrip("/"))
        below = {
            posixpath.relpath(name, wanted): file
            for name, file in origin.items()
            if name == wanted or name.startswith(wanted.rstrip("/") + "/")
        }
        count += len(origin)
        into_folder = len(copy.sources) > 1 or is_folder
        _place(copy, below, posixpath.basename(wanted), into_folder=into_folder, files=files)
    return count


def _is_folder_of_the_base(stage: Stage, destination: str) -> bool:
    """Whether a destination is a folder by what comes later, as a WORKDIR of that name: the base brings it then."""
    # A base with nothing of its own doesn't: there the copy makes a file, and what comes later fails.
    return destination in stage.folders and not surely_lacks_pytorch(stage.base_image)


def _is_left_out(left_out: DockerIgnore, file: PurePosixPath, relative: str) -> bool:
    """By the file's path in the context and by that in the folder that is copied alike."""
    inner = file if relative == "." else PurePosixPath(relative)
    return left_out.excludes(file) and left_out.excludes(inner)


def _with_parents(source: str, path: PurePosixPath, below: ImageFiles) -> ImageFiles:
    """The files by their paths from the context's root, or from behind a `/./` in the source."""
    pivot = posixpath.normpath("/" + source.partition("/./")[0]).lstrip("/") if "/./" in source.lstrip("./") else ""
    return {
        posixpath.relpath(posixpath.normpath(posixpath.join(str(path), relative)), pivot or "."): file
        for relative, file in below.items()
    }


def _place(copy: Copy, below: ImageFiles, name: str, *, into_folder: bool, files: ImageFiles) -> None:
    """Put one source, a file (`.` alone) or a folder's content, where the copy says."""
    destination = copy.target
    if set(below) == {"."}:
        into_folder = (
            into_folder
            or copy.destination.endswith("/")
            or any(existing.startswith(destination.rstrip("/") + "/") for existing in files)
        )
        target = posixpath.join(destination, name) if into_folder else destination
        files[target] = below["."]
        return
    for relative, file in below.items():
        files[posixpath.normpath(posixpath.join(destination, relative))] = file
