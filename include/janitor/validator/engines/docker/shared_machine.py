"""An engine whose data outlive a repository: what is taken out of it before the next one.

Layers and cached steps stay, as a build finds there only what it would have made itself. The cache mounts of RUN don't:
they are named by whoever writes a Dockerfile, and what one repository has put there another would install from. Where
the disk has too little room for the build to come, what is used by nothing goes first, then the build cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from janitor.validator.docker.client import DockerClient
from janitor.validator.docker.flavour import Flavour

_LIMIT = timedelta(minutes=10)
"""An engine with 50 GiB of layers takes minutes to remove them."""
_CACHE_MOUNTS = ("builder", "prune", "--force", "--filter", "type=exec.cachemount")
_ROOM: Sequence[Sequence[str]] = (
    ("container", "prune", "--force"),
    ("image", "prune", "--force"),
    ("builder", "prune", "--force", "--filter", "until=72h"),
    ("image", "prune", "--all", "--force"),
    ("builder", "prune", "--all", "--force"),
)
"""In the order of what is missed least."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What the engine made of a command."""

    is_done: bool
    words: str
    """What was done, or what it said where it refused."""


def without_cache_mounts(docker: DockerClient) -> Done:
    """Take out what the mounts of RUN have kept.

    Raises:
        EngineError: Its command can't be started.
    """
    if docker.flavour is not Flavour.DOCKER:
        return Done(is_done=True, words="cache mounts: podman keeps them for each user's builds alone")
    return _done(docker, _CACHE_MOUNTS)


def ready_for_next(docker: DockerClient, free_bytes: Callable[[], int], wanted_bytes: int) -> list[str]:
    """Make an engine ready that other repositories have used.

    Args:
        docker: The engine.
        free_bytes: How much of its disk is free now.
        wanted_bytes: How much the validation takes.

    Returns:
        What was done, for the report; what the engine refused, with its word.

    Raises:
        EngineError: Its command can't be started.
    """
    if docker.flavour is not Flavour.DOCKER:
        return []
    said = [without_cache_mounts(docker).words]
    for arguments in _ROOM:
        if free_bytes() >= wanted_bytes:
            break
        said.append(_done(docker, arguments).words)
    return said


def _done(docker: DockerClient, arguments: Sequence[str]) -> Done:
    outcome = docker.run(arguments, limit=_LIMIT)
    words = " ".join(outcome.output.text.split())[-200:]
    if outcome.exit_code == 0:
        return Done(is_done=True, words=f"docker {' '.join(arguments)}: {words}")
    return Done(is_done=False, words=f"refused: {words}")
