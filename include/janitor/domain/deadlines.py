"""Instants and durations of a validation, derived from one launch."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

GUEST_TIMER_MARGIN = timedelta(minutes=5)
"""How much later than deadline and grace the instance switches itself off, when everything else has failed."""

_ADDRESS_MARGIN = timedelta(minutes=10)


def deadline_for(intent_at: datetime, timeout: timedelta) -> datetime:
    """The hard limit of a validation whose first launch was intended at `intent_at`."""
    return intent_at + timeout


def guest_timer_minutes(timeout: timedelta, grace: timedelta) -> int:
    """Whole minutes after boot at which the guest powers itself off.

    Derived from the plan alone, not from a clock: RunInstances repeated with the same token needs the same user-data.
    """
    return math.ceil((timeout + grace + GUEST_TIMER_MARGIN).total_seconds() / 60)


def execution_timeout_for(now: datetime, deadline_at: datetime, grace: timedelta) -> timedelta:
    """How long SSM may let the command run: to the end of the grace, at least one second."""
    return max(deadline_at + grace - now, timedelta(seconds=1))


def address_lifetime(now: datetime, deadline_at: datetime, grace: timedelta) -> timedelta:
    """How long a presigned address must stay valid so that a partial report can still be uploaded."""
    return execution_timeout_for(now, deadline_at, grace) + _ADDRESS_MARGIN
