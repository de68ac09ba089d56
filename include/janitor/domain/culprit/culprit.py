"""What came of a search, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from janitor.domain.culprit.minimize import Outcome
from janitor.domain.result.provenance_changes import PartChange


class CulpritState(str, Enum):
    """How a search ended."""

    FOUND = "found"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class CulpritStep:
    """One experiment of a search."""

    number: int
    """From 1."""
    put_back: tuple[PartChange, ...]
    """The changes that were put back; none: as it is now."""
    outcome: Outcome
    reason: str
    """In a line."""
    validation_id: UUID | None
    cost_usd: Decimal | None
    """None: not known."""


@dataclass(frozen=True, kw_only=True)
class Culprit:
    """What turned green into red."""

    state: CulpritState
    changes: tuple[PartChange, ...]
    """The smallest set that makes it green again. Where inconclusive, the smallest that was seen green: it holds the
    culprit, and perhaps more; often none."""
    steps: tuple[CulpritStep, ...]
    cost_usd: Decimal
    """Of the steps whose cost is known."""
    reason: str
    """In a line."""

    @property
    def is_found(self) -> bool:
        """Whether it is named."""
        return self.state is CulpritState.FOUND


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far a search goes; what is reached leaves it where it is, to be gone on with."""

    max_steps: int = 40
    max_usd: Decimal | None = None
    """Of the steps whose cost is known; None: the deployment's budget alone decides."""
    within: timedelta = timedelta(hours=6)
    """From its call; no step is begun after that."""


def spelled(changes: Sequence[PartChange], most: int = 4) -> str:
    """Changes in words, for a line."""
    words = [_spelled(each) for each in changes[:most]]
    more = len(changes) - most
    return "nothing" if not changes else ", ".join(words) + (f" and {more} more" if more > 0 else "")


def _spelled(change: PartChange) -> str:
    name = change.name or change.part.value.replace("_", " ")
    before = change.before or "not there"
    return f"{name} {_short(before)} → {_short(change.after or 'not there')}"


def _short(value: str) -> str:
    algorithm, colon, digest = value.partition(":")
    return f"{algorithm}:{digest[:12]}" if colon and len(digest) >= 64 else value
