"""What earlier builds of a repository's image were like, for the instance to compare its own with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from janitor.protocol.codec import Part
from janitor.protocol.order.build import BuildSpec, EarlierBuild
from janitor.protocol.values import Place
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

P = TypeVar("P", bound=Part)
_REPORTS = 10


def earlier_builds(connection: Connection, deployment: str, organization: str, repository_name: str) -> BuildSpec:
    """The builds of the last reports and the size of the last image; without a target.

    Reads what the checks `build_time` and `image` measured: a report of version 1 has nothing of that.
    """
    rows = named_queries().build_measurements(
        connection,
        deployment=deployment,
        organization=organization,
        repository_name=repository_name,
        count=_REPORTS,
    )
    earlier: list[EarlierBuild] = []
    image_bytes = None
    for row in rows:
        time, image = row["build_time"] or {}, row["image"] or {}
        build = _read(EarlierBuild, {"cache": time.get("cache"), "seconds": time.get("build_seconds")})
        size = _read(BuildSpec, {"earlier": [], "image_bytes": image.get("image_bytes")})
        earlier += [build] if build is not None else []
        image_bytes = size.image_bytes if image_bytes is None and size is not None else image_bytes
    return BuildSpec(earlier=tuple(earlier), image_bytes=image_bytes)


def _read(part: type[P], document: Mapping[str, Any]) -> P | None:
    """As strictly as the instance will read it: what it would refuse is left out."""
    try:
        return part.read(document, Place("", ValueError))
    except ValueError:
        return None
