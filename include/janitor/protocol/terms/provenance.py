"""What a validation was made of: the report's part that says which commit, images, packages and machine it is about.

Every text in it comes from the repository or its packages. Nothing here decides a verdict: what could not be found out
is null, and `notes` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated

from janitor.protocol.codec import Later, Part
from janitor.protocol.terms.statuses import CacheState
from janitor.protocol.values import Most, Range, Text

MAX_AUTHOR_CHARACTERS = 200
MAX_SUBJECT_CHARACTERS = 300
MAX_BASE_IMAGES = 50
MAX_REFERENCE_CHARACTERS = 500
MAX_STAGE_CHARACTERS = 200
MAX_PYTHON_CHARACTERS = 50
MAX_PACKAGES = 2_000
MAX_PACKAGE_CHARACTERS = 200
MAX_PACKAGE_VERSION_CHARACTERS = 100
MAX_NOTES = 20
MAX_NOTE_CHARACTERS = 300
DIGEST_PATTERN = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
"""Source: OCI image specification, "Digests": the registered algorithms."""
MAX_MACHINE_CHARACTERS = 100
_SHA256_PATTERN = r"[0-9a-f]{64}"
_UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class ResolvedBy(str, Enum):
    """Who said which image a reference stands for."""

    BUILD = "build"  # the image builder, of the image that it took
    REGISTRY = "registry"  # the registry, asked before the build
    REFERENCE = "reference"  # the reference itself, which has a digest


@dataclass(frozen=True, kw_only=True)
class Commit(Part):
    """What git says of the commit beside its hash."""

    author: Annotated[str, Text(MAX_AUTHOR_CHARACTERS, empty=True)]
    """Name alone, on one line."""
    subject: Annotated[str, Text(MAX_SUBJECT_CHARACTERS, empty=True)]
    """First line of its message."""
    committed_at: datetime


@dataclass(frozen=True, kw_only=True)
class BaseImage(Part):
    """An image that the Dockerfile starts or copies from."""

    reference: Annotated[str, Text(MAX_REFERENCE_CHARACTERS)]
    """As written, with its arguments filled in."""
    stage: Annotated[str, Text(MAX_STAGE_CHARACTERS)] | None
    """The stage that it is the base of, by name, else by index; None where it is only copied from."""
    digest: Annotated[str, Text(200, DIGEST_PATTERN)] | None
    """The manifest that the reference stood for; None where nobody said."""
    resolved_by: ResolvedBy | None


@dataclass(frozen=True, kw_only=True)
class Packages(Part):
    """The Python packages of the environment that the worker runs in, as they were once it was built."""

    python: Annotated[str, Text(MAX_PYTHON_CHARACTERS)]
    """Version of that environment's interpreter."""
    versions: Annotated[
        Mapping[str, Annotated[str, Text(MAX_PACKAGE_VERSION_CHARACTERS)]], Most(MAX_PACKAGES, MAX_PACKAGE_CHARACTERS)
    ]
    """Version by name, as the packages call themselves; sorted."""
    left_out: Annotated[int, Range(0, 10**6)] = 0
    """How many more there are."""


@dataclass(frozen=True, kw_only=True)
class Warm(Part):
    """What a machine has of earlier tasks that makes a build shorter."""

    base_images: Annotated[int, Range(0, 100_000)] = 0
    """How many images it has pulled."""
    build_cache: bool = False
    """Whether its engine keeps steps of earlier builds."""


@dataclass(frozen=True, kw_only=True)
class Machine(Part):
    """The instance, as whoever launched it tells the validator: nothing on it has to be asked."""

    instance_type: Annotated[str, Text(MAX_MACHINE_CHARACTERS)] | None = None
    image_id: Annotated[str, Text(MAX_MACHINE_CHARACTERS)] | None = None
    """Its AMI."""
    cache: Later[CacheState | None] = None
    """Whether it had the cache volume; None: it is one repository's alone."""
    worker_id: Later[Annotated[str, Text(36, _UUID_PATTERN)] | None] = None
    """The worker of the pool that it is; None: it is none."""
    task_ordinal: Later[Annotated[int, Range(1, 100_000)] | None] = None
    """The worker's how-manieth task this is."""
    warm: Later[Warm | None] = None
    """What it had of the worker's earlier tasks; None: nothing, or it is no worker."""

    @property
    def is_shared(self) -> bool:
        """Whether other repositories have used it, or will."""
        return self.cache is not None or self.worker_id is not None


@dataclass(frozen=True, kw_only=True)
class Provenance(Part):
    """All of it; every part may be missing."""

    commit: Commit | None = None
    base_images: Annotated[tuple[BaseImage, ...], Most(MAX_BASE_IMAGES)] = ()
    packages: Packages | None = None
    validator_sha256: Annotated[str, Text(64, _SHA256_PATTERN)] | None = None
    """Of the artefact that the validator ran from; None where it ran from its sources."""
    machine: Machine | None = None
    notes: Annotated[tuple[Annotated[str, Text(MAX_NOTE_CHARACTERS)], ...], Most(MAX_NOTES)] = ()
    """What could not be found out, and why."""
