"""Maintenance at one instant, and what of it goes beyond its limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

TREES = (20, 30)
"""Working trees that are held at once; from the first one more it is a warning, from the second on critical."""
SHARD = (timedelta(minutes=30), timedelta(minutes=60))
"""How long a shard may be at work."""
FAILED = (Decimal("0.05"), Decimal("0.10"))
"""The share of the last day's shards that may fail by trouble of ours."""
DISK_FREE = (Decimal("0.20"), Decimal("0.10"))
"""The share of the disk of the runs that should be free."""
TABLES_BYTES = (100 * 10**6, 500 * 10**6)
"""What maintenance may keep in the database."""
STALE = (5, 10)
"""Leases that are over, or whose holder's tree was left alone."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceGlance:
    """What is known of it."""

    trees: int
    """Working trees whose lease is held."""
    oldest_shard: str | None
    """The one that is at work for longest; None: none is."""
    oldest_since: datetime | None
    ended: int
    """Shards that ended within the last day."""
    failed: int
    """Of those, the ones of which nothing is known, by trouble of ours."""
    stale_leases: int
    """Held beyond their time, or given free with their tree left alone."""
    tables_bytes: int
    """What its tables and their indexes take."""
    disk_free: Decimal | None = None
    """Share of the disk of the runs, as the machine sees it that looks; None: they aren't there."""


class Limited(str, Enum):
    """What has a limit."""

    TREES = "trees"  # held at once
    SHARD = "shard"  # the time of one
    FAILED = "failed"  # by trouble of ours
    DISK = "disk"  # of the runs
    TABLES = "tables"
    LEASES = "leases"  # that nobody gave back


@dataclass(frozen=True, kw_only=True)
class Excess:
    """One limit that is exceeded."""

    what: Limited
    is_critical: bool
    subject: str | None
    """None: the deployment."""
    message: str
    next_step: str
    since: datetime | None = None


def excesses(glance: MaintenanceGlance, now: datetime) -> Iterator[Excess]:
    """Every limit that is exceeded, with value and limit."""
    if glance.trees > TREES[0]:
        yield Excess(
            what=Limited.TREES,
            is_critical=glance.trees > TREES[1],
            subject=None,
            message=f"{glance.trees} working trees are held at once; {TREES[0]} are usual",
            next_step="`make list-worktrees` says who holds each; `janitor maintain --stop RUN` ends a run",
        )
    yield from _of_shards(glance, now)
    if glance.disk_free is not None and glance.disk_free < DISK_FREE[0]:
        yield Excess(
            what=Limited.DISK,
            is_critical=glance.disk_free < DISK_FREE[1],
            subject=None,
            message=f"{glance.disk_free:.0%} of the disk of the runs are free; {DISK_FREE[0]:.0%} should be",
            next_step="`make cleanup-worktrees`; then old folders of runs, as the runbook says",
        )
    if glance.tables_bytes > TABLES_BYTES[0]:
        yield Excess(
            what=Limited.TABLES,
            is_critical=glance.tables_bytes > TABLES_BYTES[1],
            subject=None,
            message=f"the tables of maintenance have {glance.tables_bytes // 10**6} MB; {TABLES_BYTES[0] // 10**6} MB"
            " are usual",
            next_step='`janitor shards export`, then runbook "Maintenance grows"',
        )
    if glance.stale_leases > STALE[0]:
        yield Excess(
            what=Limited.LEASES,
            is_critical=glance.stale_leases > STALE[1],
            subject=None,
            message=f"{glance.stale_leases} leases are over and nobody gave them back; {STALE[0]} are allowed",
            next_step="`make cleanup-worktrees DRY_RUN=1` says of each why it stays",
        )


def _of_shards(glance: MaintenanceGlance, now: datetime) -> Iterator[Excess]:
    if glance.oldest_since is not None and now - glance.oldest_since > SHARD[0]:
        minutes = int((now - glance.oldest_since).total_seconds() // 60)
        yield Excess(
            what=Limited.SHARD,
            is_critical=now - glance.oldest_since > SHARD[1],
            subject=glance.oldest_shard,
            message=f"shard {glance.oldest_shard} is at work for {minutes} min; {_minutes(SHARD[0])} are usual",
            next_step="`make shards` says how far it is; experiments wait for places and instances",
            since=glance.oldest_since,
        )
    if glance.ended and Decimal(glance.failed) / glance.ended > FAILED[0]:
        share = Decimal(glance.failed) / glance.ended
        yield Excess(
            what=Limited.FAILED,
            is_critical=share > FAILED[1],
            subject=None,
            message=f"{glance.failed} of the last day's {glance.ended} shards failed by trouble of ours ({share:.0%});"
            f" {FAILED[0]:.0%} are allowed",
            next_step="`make shards` has the error of each",
        )


def _minutes(duration: timedelta) -> str:
    return f"{int(duration.total_seconds() // 60)} min"
