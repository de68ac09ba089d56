"""What the control plane knows about a repository's image builds: the part of a spec that carries it.

`BuildSpec` is a spec's optional `build` object. Everything in it serves comparisons and warnings, except the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from janitor.protocol.fields import FieldReader

MAX_EARLIER_BUILDS = 50
TARGET_PATTERN = r"[A-Za-z0-9_][\w.-]{0,199}"
"""Of a bake target. Source: Docker's bake reference, "Target"."""
CACHE_PATTERN = r"cold|partial|warm"
_MOST_SECONDS = 24 * 3600.0
_MOST_BYTES = 2**50


@dataclass(frozen=True, kw_only=True)
class EarlierBuild:
    """One build that succeeded."""

    cache: str
    """How much of it came from the layer cache: cold, partial or warm."""
    seconds: float

    @classmethod
    def read(cls, reader: FieldReader) -> EarlierBuild:
        """Read one entry of `earlier`."""
        build = cls(
            cache=reader.text("cache", longest=10, pattern=CACHE_PATTERN),
            seconds=reader.number("seconds", least=0, most=_MOST_SECONDS),
        )
        reader.finish()
        return build


@dataclass(frozen=True, kw_only=True)
class BuildSpec:
    """How to build the image, and what earlier builds of it were like."""

    bake_target: str | None = None
    """The target of the repository's docker-bake file; None builds the Dockerfile."""
    earlier: tuple[EarlierBuild, ...] = ()
    """The last builds, in any order."""
    image_bytes: int | None = None
    """Size of the image that the last success built."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "bake_target": self.bake_target,
            "earlier": [{"cache": build.cache, "seconds": build.seconds} for build in self.earlier],
            "image_bytes": self.image_bytes,
        }

    @classmethod
    def read(cls, reader: FieldReader) -> BuildSpec:
        """Read a spec's `build` object."""
        spec = cls(
            bake_target=reader.optional_text("bake_target", longest=200, pattern=TARGET_PATTERN),
            earlier=reader.items("earlier", most=MAX_EARLIER_BUILDS, read=EarlierBuild.read),
            image_bytes=reader.optional_integer("image_bytes", least=0, most=_MOST_BYTES),
        )
        reader.finish()
        return spec
