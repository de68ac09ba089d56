"""What earlier builds of a repository's image were like, for the instance to compare its own with."""

from __future__ import annotations

import re

from janitor.protocol.build import CACHE_PATTERN, BuildSpec, EarlierBuild
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

_REPORTS = 10
_BUILD_TIME = re.compile(rf"(\d+(?:\.\d+)?) s, cache ({CACHE_PATTERN})")
_IMAGE_SIZE = re.compile(r"\((\d+) bytes\)")


def earlier_builds(connection: Connection, deployment: str, organization: str, repository_name: str) -> BuildSpec:
    """The builds of the last reports and the size of the last image; without a target.

    Reads what the checks `build_time` and `image` left as evidence; what can't be read is left out.
    """
    rows = named_queries().build_evidence(
        connection,
        deployment=deployment,
        organization=organization,
        repository_name=repository_name,
        count=_REPORTS,
    )
    earlier: list[EarlierBuild] = []
    image_bytes = None
    for row in rows:
        text = row["text"] or ""
        if row["check_name"] == "build_time" and (found := _BUILD_TIME.match(text)):
            earlier.append(EarlierBuild(cache=found[2], seconds=float(found[1])))
        elif row["check_name"] == "image" and image_bytes is None and (size := _IMAGE_SIZE.search(text)):
            image_bytes = int(size[1])
    return BuildSpec(earlier=tuple(earlier), image_bytes=image_bytes)
