"""An image reference, taken apart as docker does it."""

from __future__ import annotations

from dataclasses import dataclass

_DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """An image's name, taken apart."""

    registry: str
    repository: str
    version: str
    """A tag, or a digest where there is one."""


def parse_reference(text: str) -> ImageReference:
    """Take an image reference apart as docker does: `python:3.11` is library/python on Docker Hub."""
    name, _, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first, rest
    else:
        registry, path = _DOCKER_HUB, name
    if registry in ("docker.io", "index.docker.io", "registry.hub.docker.com"):
        registry = _DOCKER_HUB
    path, _, tag = path.partition(":")
    if registry == _DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return ImageReference(registry=registry, repository=path, version=digest or tag or "latest")
