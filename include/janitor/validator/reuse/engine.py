"""The container engine of a worker: what it holds, and what of that a task has left.

Images that were pulled stay: a build asks the registry what a name stands for, and takes from here only what has that
digest. Steps of builds stay, as a build finds there what it would have made itself. The cache mounts of RUN don't (see
`janitor.validator.engines.docker.shared_machine`). Where the disk gets too small for the next build, that one makes
room before it begins.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from janitor.protocol.reuse.manifest import MOST_OF_ENGINE, EngineSeen
from janitor.protocol.terms.provenance import Warm
from janitor.validator.docker.client import DockerClient
from janitor.validator.docker.flavour import Flavour
from janitor.validator.engine import EngineError
from janitor.validator.engines.docker.container import LABEL
from janitor.validator.engines.docker.shared_machine import without_cache_mounts

_LISTINGS = {
    "containers": ("ps", "--all", "--quiet", "--no-trunc"),
    "networks": ("network", "ls", "--quiet", "--no-trunc"),
    "volumes": ("volume", "ls", "--quiet"),
    "images": ("images", "--all", "--quiet", "--no-trunc"),
}
_REMOVALS = {
    "containers": ("rm", "--force", "--volumes"),
    "networks": ("network", "rm"),
    "volumes": ("volume", "rm", "--force"),
    "images": ("rmi", "--force"),
}
_AT_ONCE = 100
"""Names in one command."""


@dataclass(kw_only=True)
class EngineCleared:
    """What was done, in words."""

    survivors: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    warm: Warm = field(default_factory=Warm)


def look_at_engine(docker: DockerClient) -> EngineSeen | None:
    """What an engine holds; None where there is none, or it doesn't say."""
    if docker.why_not() is not None:
        return None
    try:
        return EngineSeen(**{what: tuple(_listed(docker, what)[:MOST_OF_ENGINE]) for what in _LISTINGS})
    except EngineError:
        return None


def clear_engine(docker: DockerClient, before: EngineSeen | None) -> EngineCleared:
    """Remove what wasn't there before: containers, networks, volumes and images that were made here.

    Args:
        docker: The engine.
        before: What it held before the first task; None: there was none.
    """
    cleared = EngineCleared()
    why_not = docker.why_not()
    if why_not is not None:
        if before is not None:
            cleared.left.append(f"the container engine answers no more: {why_not}")
        return cleared
    try:
        held = before or EngineSeen()
        for what, stays in (("containers", held.containers), ("networks", held.networks), ("volumes", held.volumes)):
            # A validation removes its own: what is there was left by one that was cut off, or was never told of.
            cleared.survivors += _removed(docker, what, _new(docker, what, stays), cleared)
        cleared.removed += _removed(docker, "images", _made_here(docker, held.images), cleared)
        said = without_cache_mounts(docker)
        cleared.removed += [said.words] if said.is_done else []
        cleared.left += [] if said.is_done else [said.words]
        cleared.warm = _warm(docker)
    except EngineError as exc:
        cleared.left.append(f"the container engine: {exc}")
    return cleared


def clear_validation(docker: DockerClient, validation_id: str) -> EngineCleared:
    """Remove what one validation has left in an engine that others use, too; the rest is theirs."""
    cleared = EngineCleared()
    if docker.why_not() is not None:
        return cleared
    label = ("--filter", f"label={LABEL}={validation_id}")
    try:
        for what in ("containers", "images"):
            names = _listed(docker, what, *label)
            cleared.survivors += _removed(docker, what, names, cleared)
        cleared.warm = _warm(docker)
    except EngineError as exc:
        cleared.left.append(f"the container engine: {exc}")
    return cleared


def _removed(docker: DockerClient, what: str, names: Sequence[str], cleared: EngineCleared) -> list[str]:
    """Remove them; what is still there is told as left."""
    if not names:
        return []
    for at in range(0, len(names), _AT_ONCE):
        docker.command(*_REMOVALS[what], *names[at : at + _AT_ONCE])
    there = set(_listed(docker, what))
    if still := [name for name in names if name in there]:
        cleared.left.append(f"{what} {_some(still)}")
    return [f"{what} {_some(names)}"]


def _new(docker: DockerClient, what: str, stays: Sequence[str]) -> list[str]:
    known = set(stays)
    return [name for name in _listed(docker, what) if name not in known]


def _made_here(docker: DockerClient, stays: Sequence[str]) -> list[str]:
    """New images that no registry knows, or that carry a validation's label."""
    new = _new(docker, "images", stays)
    found = []
    for at in range(0, len(new), _AT_ONCE):
        words = ("image", "inspect", "--format", "{{json .}}", *new[at : at + _AT_ONCE])
        for line in docker.command(*words).output.text.splitlines():
            try:
                image = json.loads(line)
            except ValueError:
                continue
            labels = (image.get("Config") or {}).get("Labels") or {}
            if not image.get("RepoDigests") or LABEL in labels:
                found.append(str(image.get("Id")))
    return found


def _warm(docker: DockerClient) -> Warm:
    """What the next task finds."""
    listed = docker.command("system", "df", "--format", "{{json .}}").output.text
    built = 0
    for line in listed.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("Type") == "Build Cache" and str(row.get("TotalCount")).isdecimal():
            built = int(row["TotalCount"])
    return Warm(base_images=len(set(_listed(docker, "images"))), build_cache=built > 0)


def _listed(docker: DockerClient, what: str, *options: str) -> list[str]:
    """The names of all of a kind, or of those that `options` of the engine's command choose.

    Raises:
        EngineError: It isn't told.
    """
    words = _LISTINGS[what]
    if what == "images" and docker.flavour is Flavour.PODMAN:
        words = ("images", "--quiet", "--no-trunc")
    outcome = docker.command(*words, *options)
    if outcome.exit_code != 0:
        raise EngineError(f"its {what} can't be listed: {' '.join(outcome.output.text.split())[-200:]}")
    return list(dict.fromkeys(outcome.output.text.split()))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
