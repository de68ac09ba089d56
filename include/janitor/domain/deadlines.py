"""Instants and durations of a validation, derived from one launch."""

from __future__ import annotations

from datetime import datetime, timedelta

_ADDRESS_MARGIN = timedelta(minutes=10)
FETCH_LIFETIME = timedelta(minutes=15)
"""How long the addresses in a command's text are valid: SSM has five minutes to deliver it, the instance three to fetch
what they lead to, and clocks differ."""


def deadline_for(intent_at: datetime, timeout: timedelta) -> datetime:
    """The hard limit of a validation whose first launch was intended at `intent_at`."""
    return intent_at + timeout


def turn_deadline(now: datetime, timeout: timedelta, instance_deadline: datetime) -> datetime:
    """The hard limit of a validation whose turn on a shared instance begins now: its own, within the instance's."""
    return min(now + timeout, instance_deadline)


def expires_at(deadline_at: datetime, grace: timedelta) -> datetime:
    """When the instance's time is over: every killer may end it from then on."""
    return deadline_at + grace


def external_timer_at(expiry: datetime, reap_interval: timedelta) -> datetime:
    """When the timer in AWS terminates the instance: a little later, so that the run's own end comes first."""
    return expiry + reap_interval / 5


def guest_timer_at(expiry: datetime, reap_interval: timedelta) -> datetime:
    """When the guest powers itself off: last of the timers, and still within one period of the reaper."""
    return expiry + reap_interval * 2 / 5


def execution_timeout_for(now: datetime, deadline_at: datetime, grace: timedelta) -> timedelta:
    """How long SSM may let the command run: to the end of the grace, at least one second."""
    return max(deadline_at + grace - now, timedelta(seconds=1))


def address_lifetime(now: datetime, deadline_at: datetime, grace: timedelta) -> timedelta:
    """How long a presigned address must stay valid so that a partial report can still be uploaded."""
    return execution_timeout_for(now, deadline_at, grace) + _ADDRESS_MARGIN
