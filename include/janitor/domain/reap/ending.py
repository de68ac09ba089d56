"""Why an instance ended that nobody of the run had ended: read from EC2's own reason and from the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from janitor.domain.deadlines import external_timer_at, guest_timer_at
from janitor.domain.states import TerminationReason

SPOT_TERMINATION = "Server.SpotInstanceTermination"
GUEST_SHUTDOWN = "Client.InstanceInitiatedShutdown"
USER_SHUTDOWN = "Client.UserInitiatedShutdown"
"""EC2's StateReason codes. Source: EC2 API, StateReason."""

_CLOCKS_APART = timedelta(seconds=2)


def infer_termination_reason(
    state_reason: str | None,
    *,
    seen_at: datetime,
    may_live_until: datetime,
    reap_interval: timedelta,
    has_notice: bool,
) -> TerminationReason:
    """The reason of an end that the ledger holds none for.

    Args:
        state_reason: EC2's code; None when EC2 no longer knows the instance.
        seen_at: When it ended, or when the end was first seen where EC2 doesn't say; the end itself was earlier then.
        may_live_until: The instance's expiry, put off by a lease.
        reap_interval: The reaper's period, from which the timers' instants follow.
        has_notice: Whether the reaper's Lambda function left word that it ended the instance.
    """
    if has_notice:
        return TerminationReason.EXTERNAL_REAPER
    if state_reason == SPOT_TERMINATION:
        return TerminationReason.SPOT_INTERRUPTED
    late = seen_at + _CLOCKS_APART
    if state_reason == GUEST_SHUTDOWN and late >= guest_timer_at(may_live_until, reap_interval):
        return TerminationReason.GUEST_TIMER
    if state_reason == USER_SHUTDOWN and late >= external_timer_at(may_live_until, reap_interval):
        return TerminationReason.EXTERNAL_TIMER
    return TerminationReason.INSTANCE_LOST
