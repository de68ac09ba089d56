"""Which container engines there are, where they are found, and what each understands that the others don't.

Docker comes first, a rootless one at its usual socket next, then podman, which takes docker's words and needs no
daemon. buildah alone builds and runs nothing, so it is none of them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from janitor.validator.settings import Settings

PODMAN_OLDEST = (4, 0)
"""The first whose builder knows the mounts of a RUN: secret, bind and cache. Source: buildah 1.24's changes."""
PODMAN_WITH_HEREDOCS = (4, 8)
"""Before it the builder takes what a heredoc holds for instructions. Source: buildah 1.33's changes."""
_OF_SHORT_NAMES = ("unqualified-search-registries", "short-name-mode")


class Flavour(Enum):
    """Whose command it is; the value is the command's name."""

    DOCKER = "docker"
    PODMAN = "podman"

    @property
    def gpu_options(self) -> tuple[str, ...]:
        """How a container is given every GPU. Source for podman: NVIDIA's toolkit, "Container Device Interface"."""
        return ("--gpus", "all") if self is Flavour.DOCKER else ("--device", "nvidia.com/gpu=all")

    @property
    def build_options(self) -> tuple[str, ...]:
        """What `build` is told besides: podman's own format drops HEALTHCHECK, SHELL and ONBUILD."""
        return () if self is Flavour.DOCKER else ("--format", "docker")

    @property
    def image_listing(self) -> tuple[str, ...]:
        """Lists what carries a label. podman's `--all` lists the layers below it, too, which are its cache."""
        return ("images", "--all") if self is Flavour.DOCKER else ("images",)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A command that may reach an engine."""

    flavour: Flavour
    program: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """What reaches it, beside the machine's own settings."""


def candidates(settings: Settings) -> Iterator[Candidate]:
    """Every command that may reach an engine, the preferred ones first, each program once."""
    dockers = list(_programs(settings, Flavour.DOCKER.value))
    yield from (Candidate(flavour=Flavour.DOCKER, program=program) for program in dockers)
    if not {"DOCKER_HOST", "DOCKER_CONTEXT"} & settings.docker.keys() and (socket := _rootless_socket(settings)):
        for program in dockers:
            yield Candidate(flavour=Flavour.DOCKER, program=program, variables={"DOCKER_HOST": f"unix://{socket}"})
    yield from (Candidate(flavour=Flavour.PODMAN, program=each) for each in _programs(settings, Flavour.PODMAN.value))


def has_buildah(settings: Settings) -> bool:
    """Whether there is a builder that runs nothing."""
    return any(_programs(settings, "buildah"))


def as_docker_says(info: Mapping[str, Any]) -> dict[str, Any]:
    """What podman says about itself and its machine, under docker's names."""
    host, store, version = (_part(info, name) for name in ("host", "store", "version"))
    rootless = _part(host, "security").get("rootless")
    return {
        "Name": host.get("hostname"),
        "ServerVersion": version.get("Version"),
        "DockerRootDir": store.get("graphRoot"),
        "MemTotal": host.get("memTotal"),
        "Runtimes": {str(_part(host, "ociRuntime").get("name") or "unknown"): {}},
        "SecurityOptions": ["name=rootless"] if rootless else [],
        "SearchedRegistries": _part(info, "registries").get("search"),
    }


def searching_docker_hub(settings: Settings) -> str:
    """The machine's registries.conf, with Docker Hub as the registry of names that name none.

    Source: containers-registries.conf(5); a user's file takes the place of the machine's.
    """
    text = ""
    for file in (settings.home / ".config" / "containers" / "registries.conf", Path("/etc/containers/registries.conf")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = file.read_text(encoding="utf-8")
            break
    kept = [line for line in text.splitlines() if not line.lstrip().startswith(_OF_SHORT_NAMES)]
    own = ['unqualified-search-registries = ["docker.io"]', 'short-name-mode = "permissive"']
    return "\n".join([*own, *kept, ""])


def _programs(settings: Settings, name: str) -> Iterator[str]:
    """The commands of that name on PATH, in its order, each once."""
    found: dict[str, str] = {}
    for folder in settings.path.split(os.pathsep):
        path = Path(folder or ".") / name
        if path.is_file() and os.access(path, os.X_OK):
            found.setdefault(os.path.realpath(path), str(path))
    yield from found.values()


def _rootless_socket(settings: Settings) -> Path | None:
    """Where Docker listens that a user has started for himself. Source: Docker's manual, "Rootless mode"."""
    folder = settings.docker.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    socket = Path(folder) / "docker.sock"
    return socket if socket.is_socket() else None


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = of.get(name)
    return part if isinstance(part, Mapping) else {}
