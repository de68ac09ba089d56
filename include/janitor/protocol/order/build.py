"""What the control plane knows about earlier builds of a repository's image: the part of a spec that carries it.

`BuildSpec` is a spec's optional `build` object. Everything in it serves comparisons and warnings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from janitor.protocol.codec import Part
from janitor.protocol.values import Most, Range, Text

CACHE_PATTERN = r"cold|partial|warm"


@dataclass(frozen=True, kw_only=True)
class EarlierBuild(Part):
    """One build that succeeded."""

    cache: Annotated[str, Text(10, CACHE_PATTERN)]
    """How much of it came from the layer cache: cold, partial or warm."""
    seconds: Annotated[float, Range(0, 24 * 3600.0)]


@dataclass(frozen=True, kw_only=True)
class BuildSpec(Part):
    """What earlier builds of the image were like."""

    earlier: Annotated[tuple[EarlierBuild, ...], Most(50)] = ()
    """The last builds, in any order."""
    image_bytes: Annotated[int, Range(0, 2**50)] | None = None
    """Size of the image that the last success built."""
