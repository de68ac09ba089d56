"""What a while has cost, by day, repository and cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class DayCost:
    """A day's instances, by when they were launched."""

    day: date
    """In UTC."""
    instances: int
    boot_usd: Decimal
    build_usd: Decimal
    test_usd: Decimal
    total_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class RepositoryCost:
    """One repository's instances, with its shares in those of pools."""

    repository: str | None
    """`organization/name`; None for instances that a run, or a pool, has for itself."""
    pool: str | None
    """Whose machines served nothing, so that no repository pays for them; None beside a repository, and for a run's."""
    instances: int
    total_usd: Decimal | None
    """None where no price is known."""
    failing_usd: Decimal | None
    """Of that, for validations that were no success."""


@dataclass(frozen=True, kw_only=True)
class CauseCost:
    """What it cost to find a cause out, again and again."""

    signature: str
    title: str
    repositories: int
    runs: int
    total_usd: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Spending:
    """All of it."""

    days: Sequence[DayCost]
    """The newest first; one without instances isn't among them."""
    repositories: Sequence[RepositoryCost]
    """The dearest first."""
    causes: Sequence[CauseCost]
    """The dearest first."""
