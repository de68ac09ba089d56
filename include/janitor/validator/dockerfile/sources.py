"""What COPY and ADD take from the build context, and which of it isn't there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.validator.dockerfile.patterns import DockerIgnore, has_wildcard, match_copy
from janitor.validator.dockerfile.stages import Copy, Dockerfile
from janitor.validator.dockerfile.usage import used_stages
from janitor.validator.repository.tree import RepositoryTree

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
        self._files = tuple(entry.path for entry in tree.entries if not ignore.excludes(entry.path))
        self._file_set = frozenset(self._files)
        self._folders = frozenset(parent for path in self._files for parent in path.parents)

    def resolve(self, source: str) -> list[PurePosixPath]:
        """The files and folders that a source names, relative to the root; several only for a pattern."""
        # BuildKit cuts off what would lead out of the context.
        clean = posixpath.normpath("/" + source).lstrip("/")
        if not has_wildcard(clean):
            path = PurePosixPath(clean)
            return [path] if self.holds(path) else []
        candidates = (*self._files, *self._folders)
        return sorted(path for path in candidates if path != PurePosixPath() and match_copy(clean, path))

    def holds(self, path: PurePosixPath) -> bool:
        """Whether a file or folder is in the context."""
        if path in self._folders or path in self._file_set:
            return True
        # A folder behind a symlink within the tree has no entries of its own; nor has what a huge tree left out.
        unlisted = self._tree.is_cut or any(parent in self._file_set for parent in path.parents)
        return unlisted and (self._tree.is_file(path) or self._tree.is_folder(path))

    def files_below(self, path: PurePosixPath) -> Iterator[PurePosixPath]:
        """The files of a folder, or the file itself."""
        if path in self._file_set:
            yield path
            return
        for file in self._files:
            if path == PurePosixPath() or path in file.parents:
                yield file


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
            if is_remote(source) or has_wildcard(source) or context.resolve(source):
                continue
            path = posixpath.normpath("/" + source).lstrip("/")
            ignored = tree.is_file(path) or tree.is_folder(path)
            missing.append(MissingSource(line=copy.line, source=source, ignored=ignored))
    return missing


def is_remote(source: str) -> bool:
    """Whether ADD fetches this source from elsewhere."""
    return _REMOTE.match(source) is not None
