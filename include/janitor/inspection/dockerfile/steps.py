"""A Dockerfile as it was read: its stages, and what fills them, with all variables replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.lexer import Instruction

_NETWORK_VOLUME = "/runpod-volume"
"""Where serverless workers have their network volume. Source: docs.runpod.io, serverless/storage/network-volumes."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A COPY or ADD, with its variables replaced."""

    keyword: str
    sources: tuple[str, ...]
    destination: str
    """Absolute path in the image; a slash at the end means a folder."""
    from_: str | None
    """Stage or image that it copies from; None for the build context."""
    line: int
    unknown: tuple[str, ...]
    """Variables without a value in it."""
    inline: tuple[tuple[str, str], ...] = ()
    """Name and content of the files that its heredocs bring."""
    keeps_parents: bool = False
    """Whether the folders of a source go with it (`--parents`)."""
    excluded: tuple[str, ...] = ()
    """Patterns of what is left out (`--exclude`)."""
    mode: str | None = None
    """What the files get (`--chmod`)."""

    @property
    def target(self) -> str:
        """The destination without a slash at its end."""
        return self.destination.rstrip("/") or "/"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or folder of the build context that one RUN sees."""

    source: str
    """Path in the context."""
    target: str
    """Absolute path while the command runs."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A RUN instruction."""

    command: str
    """Shell text, heredoc bodies included."""
    workdir: str
    environment: Mapping[str, str]
    line: int
    mounts: tuple[Mount, ...] = ()
    mounts_from: tuple[str, ...] = ()
    """Stages and images that it mounts something of."""
    own: str = ""
    """The same without heredoc bodies."""
    heredocs: tuple[str, ...] = ()
    """Their bodies."""
    covered: tuple[str, ...] = ()
    """Absolute paths at which it sees a mount in place of what the image has."""
    secrets: tuple[str, ...] = ()
    """Absolute paths at which it sees a secret."""
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    """What runs the command; empty for the exec form, which no shell reads."""
    user: str | None = None
    """Who runs it; None for the base image's user."""
    has_data: bool = False
    """Whether its heredocs are what a program reads, and no commands."""


@dataclass(kw_only=True)
class Stage:
    """One stage, after all its instructions."""

    index: int
    name: str | None
    base: str
    """Image reference, or the name of an earlier stage."""
    base_unknown: tuple[str, ...]
    """Variables without a value in the FROM line."""
    platform: str | None
    line: int
    parent: Stage | None = None
    """The earlier stage that it builds on."""
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    """Its ARGs, which stages that build on it have too."""
    workdir: str = "/"
    entrypoint: Instruction | None = None
    command: Instruction | None = None
    user: str | None = None
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    """Of SHELL."""
    steps: list[Copy | Run] = field(default_factory=list)
    own_path: str | None = None
    """PATH where an ENV has replaced it whole, the base image's own part included."""
    own_path_line: int | None = None
    is_workdir_known: bool = True
    """Whether every WORKDIR had values for its variables."""
    folders: set[str] = field(default_factory=set)
    """Folders that are surely there by now."""
    triggers: list[Instruction] = field(default_factory=list)
    """Its ONBUILD instructions."""
    volumes: set[str] = field(default_factory=set)
    """Absolute paths of its VOLUME instructions."""

    def lineage(self) -> list[Stage]:
        """This stage and those that it builds on, the oldest first."""
        found = [self]
        while (below := found[-1].parent) is not None:
            found.append(below)
        return found[::-1]

    def is_mounted(self, path: str) -> bool:
        """Whether a container can have other files at an absolute path than the image: a volume is mounted there."""
        mounts = {_NETWORK_VOLUME, *(volume for stage in self.lineage() for volume in stage.volumes)}
        return any(str(place) in mounts for place in (PurePosixPath(path), *PurePosixPath(path).parents))

    @property
    def base_image(self) -> str:
        """The image that the oldest stage of its lineage starts from."""
        return self.lineage()[0].base


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A parsed Dockerfile."""

    stages: tuple[Stage, ...]
    arguments: Mapping[str, str]
    """Every ARG and ENV with the value that stands in the file, for the search for secrets."""
    text: str

    @property
    def final(self) -> Stage:
        """The stage that `docker build` makes an image of."""
        return self.stages[-1]

    @cached_property
    def stages_by_name(self) -> Mapping[str, Stage]:
        """Stages by what COPY and mounts call them: their index, or their name in small letters.

        Of two stages with one name it is the last, as BuildKit has it.
        """
        named = {stage.name: stage for stage in self.stages if stage.name}
        return named | {str(stage.index): stage for stage in self.stages}
