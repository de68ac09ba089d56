"""When it is believed that an instance is gone because EC2 doesn't show it: absence alone is weak evidence.

A look that misses can be the look's fault: an outage that answers with nothing, credentials that see less, a clock.
Pure decisions; the place of the look is checked before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

FEWEST_OF_MANY = 3
"""From so many on, and over half of all, what is missing is no longer believed without a person."""


class Absence(str, Enum):
    """What is made of an instance that a look at its place doesn't show."""

    NOT_YET = "not_yet"  # launched so short a time ago that EC2 may not show it
    EXPECTED = "expected"  # it was seen ending; or a later look didn't show it either, and its time was over long ago
    MISSING = "missing"  # it should be there; a later look decides
    VANISHED = "vanished"  # a later look didn't show it either


def judge_absence(
    *,
    launched_at: datetime,
    may_live_until: datetime,
    was_seen_ending: bool,
    missing_since: datetime | None,
    now: datetime,
    consistency: timedelta,
    reap_interval: timedelta,
) -> Absence:
    """Say what an absence means by itself; whether too many are missing is asked besides.

    Args:
        launched_at: When it was launched.
        may_live_until: Its expiry, put off by a lease.
        was_seen_ending: Whether EC2 has shown it shutting down, or a killer outside Airflow has left word of its end.
        missing_since: When a look first missed it; None: this look is the first.
        now: The present instant.
        consistency: How long after a launch EC2 may not show an instance.
        reap_interval: The least time between the first look that missed it and the one that is believed.
    """
    if now - launched_at < consistency:
        return Absence.NOT_YET
    if was_seen_ending:
        return Absence.EXPECTED
    if missing_since is None or now - missing_since < reap_interval:
        return Absence.MISSING
    # Past its bound every killer has had its turn, and EC2 shows what was terminated for about an hour only.
    return Absence.EXPECTED if now > may_live_until + reap_interval else Absence.VANISHED


def are_too_many(missing: int, live: int) -> bool:
    """Whether so many of the live instances are missing that the look is doubted rather than the instances."""
    return missing >= FEWEST_OF_MANY and missing * 2 > live
