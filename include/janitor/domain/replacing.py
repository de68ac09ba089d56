"""Whether a lost instance is replaced: once, at no cost to the repository, as long as its limit allows."""

from __future__ import annotations

from datetime import datetime

from janitor.domain.states import TerminationReason
from janitor.domain.watching import WatchOutcome

REPLACEMENTS = 1
"""Free retries of a validation."""

_LOSSES = {
    WatchOutcome.SPOT_INTERRUPTED: TerminationReason.SPOT_INTERRUPTED,
    WatchOutcome.INSTANCE_LOST: TerminationReason.INSTANCE_LOST,
    WatchOutcome.NEVER_ONLINE: TerminationReason.LAUNCH_FAILED,
}

REASONS_OF_LOSS = frozenset(_LOSSES.values())


def may_replace(outcome: WatchOutcome, *, launched_before: int, now: datetime, deadline_at: datetime) -> bool:
    """Whether the validation goes on with another instance.

    Args:
        outcome: How watching the instance ended.
        launched_before: How many instances the validation has had, the lost one included.
        now: The present.
        deadline_at: The hard limit, which holds over the replacement.
    """
    return outcome in _LOSSES and launched_before <= REPLACEMENTS and now < deadline_at


def reason_of_loss(outcome: WatchOutcome) -> TerminationReason:
    """What the ledger keeps of the lost instance."""
    return _LOSSES[outcome]
