"""The file system of the final image, through all its stages and their instructions in order."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.patterns import DockerIgnore, has_wildcard
from janitor.inspection.dockerfile.sources import BuildContext, is_remote
from janitor.inspection.dockerfile.steps import Copy, Dockerfile, Stage
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.image.base_places import base_places
from janitor.inspection.image.file_modes import changed_mode
from janitor.inspection.image.places import Budget, ImageFile, ImagePlaces, PlaceKind
from janitor.inspection.image.run_files import RunFiles

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
_OF_HEREDOC, _OF_ADDRESS, _OF_FOLDER = 0o644, 0o600, 0o755
"""Modes that BuildKit gives. Source: Dockerfile reference, ADD of an address and heredocs."""
_MOST_SOURCES = 2_000

SourceReader = Callable[[PurePosixPath], "str | None"]
"""Text of a file of the repository; None where it can't be read."""


def files_of_final_image(dockerfile: Dockerfile, context: BuildContext, read: SourceReader) -> ImagePlaces:
    """What the final image surely holds, surely hasn't, and where nobody knows.

    Args:
        dockerfile: The Dockerfile.
        context: Its build context.
        read: Reads a file of the repository, as scripts that a RUN starts.
    """
    made: dict[int, ImagePlaces] = {}
    budget = Budget()
    for stage in used_stages(dockerfile):
        below = made.get(stage.parent.index) if stage.parent is not None else None
        places = base_places(stage.base, budget) if below is None else below.copy()
        made[stage.index] = places
        builder = _StageBuilder(stage, _Around(dockerfile=dockerfile, context=context, made=made), read)
        for step in stage.steps:
            if isinstance(step, Copy):
                builder.copy(step)
            else:
                builder.runs.apply(step)
        places.make_folder(stage.workdir, None)
    if not context.is_sure:
        # More may lie in the context than is listed.
        made[dockerfile.final.index].fill("/")
        made[dockerfile.final.index].is_read = False
    return made[dockerfile.final.index]


def text_at(places: ImagePlaces, path: str, read: SourceReader) -> str | None:
    """The text of a file in the image; None where it isn't known."""
    file = places.at(path).file
    if file is None or file.is_changed:
        return None
    text = file.text if file.source is None else read(file.source)
    return text.replace("\r", "") if text is not None and file.lost_returns else text


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What a stage can copy from."""

    dockerfile: Dockerfile
    context: BuildContext
    made: dict[int, ImagePlaces]
    """The stages so far, this one included, by their index."""


class _StageBuilder:
    def __init__(self, stage: Stage, around: _Around, read: SourceReader) -> None:
        self._places = places = around.made[stage.index]
        self._dockerfile, self._context, self._made = around.dockerfile, around.context, around.made
        self.runs = RunFiles(places, lambda path: text_at(places, path, read))
        if stage.parent is None and stage.base and stage.base_unknown:
            # Any image may be meant.
            places.blur("/", stage.line)

    def copy(self, copy: Copy) -> None:
        """Do what one COPY or ADD does."""
        if copy.unknown:
            # The destination may be any.
            self._places.blur("/", copy.line)
            self._places.is_read = False
        elif copy.from_ is not None:
            self._from_elsewhere(copy)
        else:
            for name, text in copy.inline:
                self._put(copy, name, ImageFile(line=copy.line, mode=self._mode(copy, _OF_HEREDOC), text=text))
            for source in copy.sources[:_MOST_SOURCES]:
                self._source(copy, source)

    def _source(self, copy: Copy, source: str) -> None:
        if is_remote(source):
            is_git = source.startswith(("git@", "git://", "ssh://")) or ".git" in posixpath.basename(source)
            name = posixpath.basename(source.partition("?")[0])
            if is_git or not name:
                self._unclear(copy)
            else:
                mode = self._mode(copy, _OF_ADDRESS)
                self._put(copy, name, ImageFile(line=copy.line, mode=mode, is_changed=True))
            return
        if copy.keyword == "ADD" and source.endswith(_ARCHIVES):
            self._unclear(copy)
            return
        found = self._context.resolve(source)
        if not found and has_wildcard(source):
            return
        for path in found:
            if not self._context.brings_all(path) or copy.keeps_parents or copy.excluded:
                self._partly(copy, path)
            elif self._context.is_folder(path):
                self._folder(copy, path)
            else:
                real = self._context.real(path)
                if copy.keyword == "ADD" and real.name.endswith(_ARCHIVES):
                    self._unclear(copy)
                else:
                    self._put(copy, path.name, self._file(copy, real))

    def _folder(self, copy: Copy, folder: PurePosixPath) -> None:
        """A folder's content, into the destination."""
        target = copy.target
        self._places.make_folder(target, copy.line)
        for path in self._context.files_below(folder):
            relative = posixpath.relpath(str(path), str(folder))
            end = posixpath.join(target, relative)
            if self._places.at(end, follows=False).kind is PlaceKind.FOLDER:
                self._places.blur(end, copy.line)
            elif (link := self._context.link_target(path)) is not None:
                self._places.link(end, link, copy.line)
            else:
                self._places.put(end, self._file(copy, path))

    def _partly(self, copy: Copy, path: PurePosixPath) -> None:
        """A copy of which is known what it may bring at most; what isn't left out is there."""
        target = copy.target
        if copy.keeps_parents or not self._context.brings_all(path):
            self._places.fill(target)
            self._places.make_folder(target, copy.line)
            for file in self._context.files_below(path):
                end = posixpath.join(target, str(file) if copy.keeps_parents else posixpath.relpath(file, path))
                self._places.blur(posixpath.normpath(end), copy.line)
            return
        left_out = DockerIgnore("\n".join(copy.excluded))
        is_folder = self._context.is_folder(path)
        for file in self._context.files_below(path):
            relative = posixpath.relpath(str(file), str(path))
            name = relative if is_folder else path.name
            end = posixpath.normpath(posixpath.join(target, name))
            if left_out.excludes(file) or left_out.excludes(PurePosixPath(name)) or left_out.is_cut:
                self._places.blur(end, copy.line)
            elif is_folder:
                self._places.make_folder(target, copy.line)
                self._places.put(end, self._file(copy, file))
            else:
                self._put(copy, name, self._file(copy, self._context.real(file)))

    def _file(self, copy: Copy, source: PurePosixPath) -> ImageFile:
        return ImageFile(line=copy.line, mode=self._mode(copy, self._context.mode(source)), source=source)

    def _mode(self, copy: Copy, mode: int | None) -> int | None:
        return mode if copy.mode is None else changed_mode(mode, copy.mode)

    def _put(self, copy: Copy, name: str, file: ImageFile) -> None:
        """One file: into a folder, or under the destination's own name where there is none."""
        target = copy.target
        there = self._places.at(target)
        if copy.destination.endswith("/") or there.kind is PlaceKind.FOLDER:
            self._places.make_folder(target, copy.line)
            end = posixpath.join(there.path, name)
            if self._places.at(end, follows=False).kind is PlaceKind.FOLDER:
                self._places.blur(end, copy.line)
            else:
                self._places.put(end, file)
        elif there.kind is PlaceKind.UNKNOWN:
            # A folder may be there, which then gets the file.
            self._places.blur(target, copy.line)
        else:
            self._places.put(there.path, file)

    def _from_elsewhere(self, copy: Copy) -> None:
        stage = self._dockerfile.stages_by_name.get((copy.from_ or "").lower())
        origin = self._made.get(stage.index) if stage is not None else None
        for source in copy.sources[:_MOST_SOURCES]:
            path = posixpath.normpath("/" + source.lstrip("/"))
            place = origin.at(path) if origin is not None and not has_wildcard(source) else None
            if origin is not None and not origin.is_read:
                self._places.is_read = False
            if place is None or place.file is None:
                self._grafted(copy, origin, path)
                continue
            file = replace(place.file, line=copy.line, mode=self._mode(copy, place.file.mode))
            self._put(copy, posixpath.basename(path), file)

    def _grafted(self, copy: Copy, origin: ImagePlaces | None, path: str) -> None:
        """A folder of another stage, where nothing is in its way; else what comes there isn't known."""
        there = self._places.at(copy.target)
        is_whole = origin is not None and origin.at(path).kind is PlaceKind.FOLDER and there.is_absent
        if origin is not None and is_whole and copy.mode is None:
            self._places.graft(origin, path, there.path, copy.line)
        elif there.kind is PlaceKind.FOLDER and not has_wildcard(path) and copy.target in _SHARED:
            # Programs and libraries come beside those that are there.
            self._places.fill(copy.target)
        else:
            self._unclear(copy)

    def _unclear(self, copy: Copy) -> None:
        self._places.blur(copy.target, copy.line)
        if copy.destination.endswith("/"):
            self._places.make_folder(copy.destination, copy.line)


_SHARED = frozenset({"/bin", "/usr/bin", "/usr/local/bin", "/usr/local", "/usr/lib", "/usr/local/lib"})
