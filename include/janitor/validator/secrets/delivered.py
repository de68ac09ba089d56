"""The secrets that a repository's worker is given, apart from how they are read: most runs read none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class DeliveredSecrets:
    """What came of it: every value, or none and why."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By the variable that is to hold it."""
    problem: str | None = None
