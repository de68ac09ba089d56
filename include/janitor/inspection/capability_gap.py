"""What an image has and an environment that was made without building it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Gap:
    """One thing that is missing."""

    text: str
    """For people."""
    is_deep: bool
    """Whether any failure may come of it: model files, programs, services. A gap that isn't deep shows as a module, a
    library or a file that can't be found."""


def listed(gaps: Sequence[Gap]) -> str:
    """The gaps in one line, the deep ones first."""
    texts = [gap.text for gap in sorted(gaps, key=lambda gap: not gap.is_deep)]
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
