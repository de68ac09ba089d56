"""What the stages of a validation find out: frozen results, each made by one check or gathered from several.

A check takes the facts that it builds on and yields its own (`janitor.validator.findings.Produced`). A field may be
None where the check that makes it can find nothing: a static check that fails stops no other.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from janitor.inspection.dockerfile.command import Command
from janitor.inspection.dockerfile.image_files import ImageFiles, StageFiles
from janitor.inspection.dockerfile.sources import BuildContext
from janitor.inspection.dockerfile.stages import Dockerfile
from janitor.inspection.documents.tests_file import TestCase, TestPlan
from janitor.inspection.image.places import ImagePlaces
from janitor.inspection.provision.program import Program
from janitor.inspection.provision.walk import Provision
from janitor.inspection.python.guarded_imports import GuardedImport
from janitor.inspection.python.python_source import HandlerKind
from janitor.inspection.python.sdk_use import SdkUse
from janitor.inspection.repository.layout import Layout
from janitor.inspection.tree import RepositoryTree

_MOST_VARIABLES = 200


@dataclass(frozen=True, kw_only=True)
class CheckoutFacts:
    """`checkout`: the repository is here."""

    tree: RepositoryTree
    commit_sha: str | None
    """None in a folder without a commit."""
    unfetched_files: tuple[str, ...]
    """Git LFS pointers."""


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """`layout`: where the repository keeps its parts."""

    checkout: CheckoutFacts
    layout: Layout

    @property
    def tree(self) -> RepositoryTree:
        """The checkout."""
        return self.checkout.tree


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """`dockerfile_parse`: what the Dockerfile says of the image."""

    path: PurePosixPath
    """The Dockerfile's, from the repository's root."""
    dockerfile: Dockerfile
    context: BuildContext
    stage_files: Mapping[int, StageFiles]
    """By the stage's index."""
    command: Command
    """What the container starts."""
    places: ImagePlaces
    """What the final image surely holds and surely hasn't, through all its instructions."""
    provision: Provision
    """Which programs and packages the build brings, so far as that is sure."""
    program: Program | None
    """The Python that the container starts the worker with; None where that can't be told."""

    @property
    def files(self) -> ImageFiles:
        """The repository's files in the image."""
        return self.stage_files[self.dockerfile.final.index].files

    @cached_property
    def held(self) -> ImageFiles:
        """The same once every instruction has run: without what is surely taken away, with what is moved and copied."""
        left = {path: source for path, source in self.files.items() if not self.places.at(path).is_absent}
        found = {path: file.source for path, file in self.places.files_below("/") if not file.is_changed}
        return left | {path: source for path, source in found.items() if source is not None and path not in left}

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(str(parent) for path in self.files for parent in PurePosixPath(path).parents) - {"/"}

    def holds(self, path: str) -> bool:
        """Whether the repository puts something at an absolute path of the image."""
        normal = posixpath.normpath(path)
        return normal in self._folders or normal in self.files


@dataclass(frozen=True, kw_only=True)
class HubFacts:
    """`hub_schema`: what hub.json says."""

    document: Mapping[str, Any] | None
    """None where it hasn't its documented form."""
    load_balancer: bool
    """endpointType LB, which stands whatever else is wrong in the file."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Its `config`, as far as it is one."""
        config = (self.document or {}).get("config")
        return config if isinstance(config, Mapping) else {}


@dataclass(frozen=True, kw_only=True)
class PythonFacts:
    """`python_static`: what the worker's Python shows."""

    entry: PurePosixPath | None = None
    """The file with the start call, in the repository."""
    handler_kind: HandlerKind = HandlerKind.UNKNOWN
    modules: tuple[PurePosixPath, ...] = ()
    """The worker's own files."""
    sure_imports: Mapping[str, PurePosixPath] = field(default_factory=dict)
    """Modules of others that it imports in any case, before anything else → the first file that does."""
    sdk: SdkUse = field(default_factory=SdkUse)
    """What it asks of the SDK and of the platform beside the handler."""
    guarded: tuple[GuardedImport, ...] = ()
    """Modules of packages that it does without where they are missing."""
    answers_health: bool = False
    """Whether it serves a load balancer's health route, and so has no handler."""


@dataclass(frozen=True)
class StatedFacts:
    """What the repository says about itself: gathered once its Dockerfile, hub.json and tests.json are read."""

    repository: RepositoryFacts
    image: ImageFacts | None
    hub: HubFacts | None
    plan: TestPlan | None
    """None without tests.json, or where it can't be read."""

    @property
    def tree(self) -> RepositoryTree:
        """The checkout."""
        return self.repository.tree

    @property
    def layout(self) -> Layout:
        """Where the repository keeps its parts."""
        return self.repository.layout

    @property
    def dockerfile(self) -> Dockerfile | None:
        """The Dockerfile, if it could be read."""
        return self.image.dockerfile if self.image is not None else None

    @property
    def command(self) -> Command | None:
        """What the container starts, if the Dockerfile could be read."""
        return self.image.command if self.image is not None else None

    @property
    def image_files(self) -> ImageFiles:
        """The repository's files in the image; none where there is no Dockerfile to go by."""
        return self.image.files if self.image is not None else {}

    @property
    def hub_config(self) -> Mapping[str, Any]:
        """hub.json's `config`; empty without one."""
        return self.hub.config if self.hub is not None else {}

    @property
    def disk_gigabytes(self) -> int | None:
        """hub.json's containerDiskInGb; None without one."""
        return self.hub_config.get("containerDiskInGb")

    @property
    def cases(self) -> tuple[TestCase, ...]:
        """The cases of tests.json; none where there is no such file, or none in it."""
        return self.plan.cases if self.plan is not None else ()

    @property
    def is_load_balanced(self) -> bool:
        """Whether the worker answers HTTP itself instead of having a handler, as far as hub.json tells."""
        return self.hub is not None and self.hub.load_balancer


@dataclass(frozen=True)
class SourceFacts(StatedFacts):
    """All that is known of the repository without building it: gathered after the static checks."""

    test_input: Mapping[str, Any] | None
    """test_input.json."""
    python: PythonFacts | None
    """None where the check itself broke down."""

    @property
    def is_load_balanced(self) -> bool:
        """The same, by hub.json or by what the worker's Python shows."""
        return super().is_load_balanced or (self.python is not None and self.python.answers_health)

    @property
    def handler_kind(self) -> HandlerKind:
        """What kind of handler the worker has."""
        return self.python.handler_kind if self.python is not None else HandlerKind.UNKNOWN

    @property
    def sdk(self) -> SdkUse:
        """What the worker's Python asks of the SDK and of the platform."""
        return self.python.sdk if self.python is not None else SdkUse()

    @property
    def has_no_handler(self) -> bool:
        """Whether there is no handler to test: a load-balanced worker has none, unless its Python shows one."""
        return self.is_load_balanced and self.handler_kind is HandlerKind.UNKNOWN

    @property
    def test_environment(self) -> Mapping[str, str]:
        """Variables that tests.json sets."""
        return self.plan.environment if self.plan is not None else {}

    @property
    def hub_variables(self) -> frozenset[str]:
        """Variables that hub.json has the platform set. None where tests.json has cases: a test gets what it states."""
        env = self.hub_config.get("env", [])
        return frozenset() if self.cases else frozenset(item["key"] for item in env[:_MOST_VARIABLES])


@dataclass(frozen=True)
class WorkerFacts(SourceFacts):
    """A worker that can be built: its layout and its Dockerfile have passed."""

    image: ImageFacts
