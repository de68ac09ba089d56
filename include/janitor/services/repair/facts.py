"""What recipes read of a worker's tree. Nothing is written, nothing is run, and no link leads out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from janitor.inspection.dockerfile.cuda_version import system_python
from janitor.inspection.dockerfile.image_files import stage_files
from janitor.inspection.dockerfile.lexer import DockerfileSyntaxError
from janitor.inspection.dockerfile.python_version import python_version
from janitor.inspection.dockerfile.sources import BuildContext, read_context
from janitor.inspection.dockerfile.stages import Dockerfile, parse_dockerfile
from janitor.inspection.install.requirements import RequirementSet
from janitor.inspection.install.worker_requirements import worker_requirements
from janitor.inspection.repository.layout import Layout, read_layout
from janitor.inspection.tree import RepositoryTree, UnreadableError


@dataclass(frozen=True)
class WorkerTree:
    """A worker's files.

    Args:
        root: The checkout's folder.
        dockerfile: The Dockerfile that the validation was told of; None: it was searched for.
        build_args: Values of its ARGs.
    """

    root: Path
    dockerfile: str | None
    build_args: Mapping[str, str]

    @cached_property
    def tree(self) -> RepositoryTree:
        """Its files."""
        return RepositoryTree(self.root)

    @cached_property
    def layout(self) -> Layout:
        """Where its parts are."""
        return read_layout(self.tree, dockerfile=self.dockerfile)

    def text(self, path: PurePosixPath | str) -> str | None:
        """A file of its own as it stands, byte order mark included; None where it is none that a patch can change."""
        if self.tree.link_target(path) is not None or any(
            self.tree.link_target(parent) is not None for parent in PurePosixPath(path).parents if parent.name
        ):
            return None
        try:
            return self.tree.read(path).decode("utf-8")
        except (UnreadableError, UnicodeDecodeError):
            return None

    @cached_property
    def parsed(self) -> Dockerfile | None:
        """Its Dockerfile; None where it can't be read."""
        text = None if self.layout.dockerfile is None else self.text(self.layout.dockerfile)
        try:
            return None if text is None else parse_dockerfile(text, build_args=self.build_args)
        except DockerfileSyntaxError:
            return None

    @cached_property
    def context(self) -> BuildContext | None:
        """Its build context; None where it can't be told."""
        try:
            return None if self.layout.dockerfile is None else read_context(self.tree, self.layout.dockerfile)
        except UnreadableError:
            return None

    @cached_property
    def requirements(self) -> list[RequirementSet]:
        """What its installation commands ask for."""
        if self.parsed is None or self.context is None:
            return worker_requirements(None, {}, self.tree)
        files = stage_files(self.parsed, self.context)
        return worker_requirements(self.parsed, files[self.parsed.final.index].files, self.tree)

    @property
    def python(self) -> tuple[int, int] | None:
        """The image's Python; None where it isn't said."""
        if self.parsed is None:
            return None
        return python_version(self.parsed) or system_python(self.parsed.final.base_image)
