"""What COPY and ADD take from the build context, and which of it isn't there."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.patterns import CopyPattern, DockerIgnore, has_wildcard
from janitor.inspection.dockerfile.stages import Copy, Dockerfile
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.tree import RepositoryTree

_MOST_WORK = 30_000_000
"""For the patterns of all copies together."""
_REMOTE = re.compile(r"(?i)(?:https?|ftp|git|ssh)://|git@[\w.-]+:")


@dataclass(frozen=True, kw_only=True)
class MissingSource:
    """A source that `docker build` would not find."""

    line: int
    source: str
    ignored: bool
    """It is there, but .dockerignore keeps it out of the context."""


class BuildContext:
    """The build context as `docker build` would see it: the checkout without what .dockerignore excludes.

    Args:
        tree: The checkout.
        ignore: The rules of its .dockerignore.
    """

    def __init__(self, tree: RepositoryTree, ignore: DockerIgnore) -> None:
        self._tree = tree
        self._files = tuple(sorted(entry.path for entry in tree.entries if not ignore.excludes(entry.path)))
        self._file_set = frozenset(self._files)
        # A folder is there though all that is in it is kept out; a submodule's is there before it is fetched.
        folders = {parent for entry in tree.entries for parent in entry.path.parents} | set(tree.unfetched_folders)
        kept = {folder for folder in folders if not ignore.excludes(folder)}
        self._folders = frozenset({*kept, *(parent for path in self._files for parent in path.parents)})
        self._entries = {entry.path: entry for entry in tree.entries}
        self._names = [str(path) for path in self._files]
        self._is_listed = self.is_sure = not ignore.is_cut and not tree.is_cut
        """Whether everything that the context holds is known; whoever gives up on a part of it takes it back."""
        self._work_left = _MOST_WORK

    def resolve(self, source: str) -> list[PurePosixPath]:
        """The files and folders that a source names, relative to the root; several only for a pattern."""
        # BuildKit cuts off what would lead out of the context.
        clean = posixpath.normpath("/" + source).lstrip("/")
        if not has_wildcard(clean):
            path = PurePosixPath(clean)
            return [self._followed(path)] if self.holds(path) else []
        pattern = CopyPattern(clean)
        found = []
        for path in (*self._files, *self._folders):
            self._work_left -= pattern.work(path)
            if self._work_left < 0:
                self.is_sure = False
                return []
            if path != PurePosixPath() and pattern.matches(path):
                found.append(path)
        return sorted(self._followed(path) for path in found)

    def _followed(self, path: PurePosixPath) -> PurePosixPath:
        """The folder behind a symlink, whose content is what is copied; anything else as it is."""
        if path not in self._file_set and path in self._folders:
            return path
        real = self._tree.real(path) if self._tree.is_folder(path) else None
        return path if real is None else real

    def real(self, path: PurePosixPath) -> PurePosixPath:
        """The file behind a symlink, which is what a source that names it brings."""
        return self._tree.real(path) or path if path in self._file_set and self._tree.is_file(path) else path

    def mode(self, path: PurePosixPath) -> int | None:
        """Permission bits of a file; None where they aren't known."""
        entry = self._entries.get(path)
        return None if entry is None or entry.is_symlink else entry.mode

    def link_target(self, path: PurePosixPath) -> str | None:
        """Where a symlink says that it leads; None for anything else."""
        entry = self._entries.get(path)
        return self._tree.link_target(path) if entry is not None and entry.is_symlink else None

    def is_folder(self, path: PurePosixPath) -> bool:
        """Whether it is a folder of the context."""
        return path in self._folders and path not in self._file_set

    def holds(self, path: PurePosixPath) -> bool:
        """Whether a file or folder is in the context, so far as can be told."""
        if path in self._folders or path in self._file_set:
            return True
        if any(folder in path.parents for folder in self._tree.unfetched_folders):
            return True
        # A folder behind a symlink within the tree has no entries of its own; nor has what a huge tree left out.
        unlisted = not self._is_listed or any(parent in self._file_set for parent in path.parents)
        return unlisted and (self._tree.is_file(path) or self._tree.is_folder(path))

    def brings_all(self, path: PurePosixPath) -> bool:
        """Whether the files below what a source names are all known: not so behind some symlinks, or in a submodule."""
        listed = path in self._file_set or path in self._folders
        return listed and path not in self._tree.unfetched_folders

    def files_below(self, path: PurePosixPath) -> Iterator[PurePosixPath]:
        """The files of a folder, or the file itself."""
        if path in self._file_set:
            yield path
            return
        if path == PurePosixPath():
            yield from self._files
            return
        prefix = f"{path}/"
        # Paths are sorted by their parts, so that those of one folder lie together.
        for index in range(bisect_left(self._files, path), len(self._files)):
            if not self._names[index].startswith(prefix):
                return
            yield self._files[index]


def read_context(tree: RepositoryTree, dockerfile: PurePosixPath) -> BuildContext:
    """The build context of a Dockerfile at the repository's root.

    Raises:
        UnreadableError: The .dockerignore can't be read.
    """
    # Source: a Dockerfile's own ignore file goes before the context's.
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        if tree.is_file(name):
            return BuildContext(tree, DockerIgnore(tree.read_text(name)))
    return BuildContext(tree, DockerIgnore(""))


def context_copies(dockerfile: Dockerfile) -> Iterable[Copy]:
    """Every COPY and ADD of what is built that takes from the build context, all its variables having values."""
    for stage in used_stages(dockerfile):
        for step in stage.steps:
            if isinstance(step, Copy) and step.from_ is None and not step.unknown:
                yield step


def missing_sources(dockerfile: Dockerfile, context: BuildContext, tree: RepositoryTree) -> list[MissingSource]:
    """The sources that aren't in the context; patterns may match nothing, as BuildKit allows."""
    missing: list[MissingSource] = []
    for copy in context_copies(dockerfile):
        for source in copy.sources:
            if copy.keyword == "COPY" and is_address(source):
                missing.append(MissingSource(line=copy.line, source=f"{source}, which only ADD fetches", ignored=False))
                continue
            if is_remote(source) or has_wildcard(source) or context.resolve(source):
                continue
            path = posixpath.normpath("/" + source).lstrip("/")
            ignored = tree.is_file(path) or tree.is_folder(path)
            missing.append(MissingSource(line=copy.line, source=source, ignored=ignored))
    return missing


def is_address(source: str) -> bool:
    """Whether it is one that COPY refuses. Source: BuildKit's instructions, "source can't be a URL for COPY"."""
    return source.startswith(("http://", "https://", "git@"))


def is_archive(copy: Copy, source: str) -> bool:
    """Whether it is one that ADD unpacks, by its name."""
    return copy.keyword == "ADD" and source.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz"))


def is_remote(source: str) -> bool:
    """Whether ADD fetches this source from elsewhere."""
    return _REMOTE.match(source) is not None
