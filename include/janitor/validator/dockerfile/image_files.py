"""Where the repository's files end up in the image, as COPY and ADD put them; RUN is not followed.

The venv engine makes these files real, and the static checks ask whether the command's target is among them.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

from janitor.validator.dockerfile.patterns import DockerIgnore, has_wildcard
from janitor.validator.dockerfile.sources import BuildContext, is_remote
from janitor.validator.dockerfile.stages import Copy, Dockerfile, Stage
from janitor.validator.dockerfile.usage import used_stages

_UV_IMAGE = re.compile(r"(?:^|/)astral-sh/uv(?:[:@]|$)")
"""Brings an installer, which is no part of the worker."""

ImageFiles = dict[str, PurePosixPath]
"""Absolute path in the image → path in the repository."""
_MOST_FILES = 200_000
"""That are put anywhere, by all copies together; what a copy beyond that brings is not known."""


def image_files(dockerfile: Dockerfile, context: BuildContext) -> ImageFiles:
    """The repository's files in the image of the final stage."""
    made: dict[int, ImageFiles] = {}
    room = _MOST_FILES
    for stage in used_stages(dockerfile):
        files: ImageFiles = made[stage.parent.index] if stage.parent is not None else {}
        room -= len(files)
        files = dict(files) if room > 0 else files
        for step in stage.steps:
            if isinstance(step, Copy) and room > 0:
                room -= _apply(step, files, context, dockerfile, made)
            elif isinstance(step, Copy):
                context.is_sure = False
        made[stage.index] = files
    return made[dockerfile.final.index]


def inline_files(dockerfile: Dockerfile) -> dict[str, str]:
    """The files that heredocs of COPY and ADD bring into the final image: absolute path → content."""
    return {
        posixpath.join(step.destination, name) if step.destination.endswith("/") else step.destination: content
        for stage in dockerfile.final.lineage()
        for step in stage.steps
        if isinstance(step, Copy)
        for name, content in step.inline
    }


def copies_from_elsewhere(dockerfile: Dockerfile) -> list[Copy]:
    """The copies of the final image's lineage that bring in what the repository doesn't hold."""
    names = {stage.name for stage in dockerfile.stages} | {str(stage.index) for stage in dockerfile.stages}
    return [
        step
        for stage in dockerfile.final.lineage()
        for step in stage.steps
        if isinstance(step, Copy)
        and (
            step.unknown
            or step.inline
            or (step.from_ is not None and step.from_.lower() not in names and not _UV_IMAGE.search(step.from_))
            or any(is_remote(source) or _is_archive(step, source) for source in step.sources)
        )
    ]


def _apply(
    copy: Copy, files: ImageFiles, context: BuildContext, dockerfile: Dockerfile, made: dict[int, ImageFiles]
) -> int:
    """Do what one COPY or ADD does; returns how many files that were."""
    left_out = DockerIgnore("\n".join(copy.excluded))
    count = 0
    if copy.from_ is None:
        for source in copy.sources:
            for path in () if is_remote(source) else context.resolve(source):
                below = {
                    relative: context.real(file) if file == path else file
                    for file in context.files_below(path)
                    if (relative := posixpath.relpath(str(file), str(path)))
                    and not (copy.excluded and _is_left_out(left_out, file, relative))
                }
                if copy.keeps_parents:
                    below = _with_parents(source, path, below)
                count += len(below)
                _place(copy, below, path.name, several=len(copy.sources) > 1 or has_wildcard(source), files=files)
        return count
    stage = _stage(dockerfile, copy.from_)
    origin = made.get(stage.index, {}) if stage is not None else {}
    for source in copy.sources:
        wanted = posixpath.normpath("/" + source.lstrip("/"))
        below = {
            posixpath.relpath(name, wanted): file
            for name, file in origin.items()
            if name == wanted or name.startswith(wanted.rstrip("/") + "/")
        }
        count += len(origin)
        _place(copy, below, posixpath.basename(wanted), several=len(copy.sources) > 1, files=files)
    return count


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


def _place(copy: Copy, below: ImageFiles, name: str, *, several: bool, files: ImageFiles) -> None:
    """Put one source, a file (`.` alone) or a folder's content, where the copy says."""
    destination = copy.destination.rstrip("/") or "/"
    if set(below) == {"."}:
        into_folder = (
            several
            or copy.destination.endswith("/")
            or any(existing.startswith(destination.rstrip("/") + "/") for existing in files)
        )
        target = posixpath.join(destination, name) if into_folder else destination
        files[target] = below["."]
        return
    for relative, file in below.items():
        files[posixpath.normpath(posixpath.join(destination, relative))] = file


def _stage(dockerfile: Dockerfile, name: str) -> Stage | None:
    for stage in dockerfile.stages:
        if name.lower() == stage.name or name == str(stage.index):
            return stage
    return None


def _is_archive(copy: Copy, source: str) -> bool:
    return copy.keyword == "ADD" and source.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz"))
