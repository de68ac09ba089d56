"""Whether an instance is replaced that was lost, or whose host was in the way: once, as long as the limit allows."""

from __future__ import annotations

from datetime import datetime

from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import TerminationReason, ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.terms.statuses import ReportStatus

REPLACEMENTS = 1
"""Free retries of a validation."""

_LOSSES = {
    WatchOutcome.SPOT_INTERRUPTED: TerminationReason.SPOT_INTERRUPTED,
    WatchOutcome.INSTANCE_LOST: TerminationReason.INSTANCE_LOST,
    WatchOutcome.NEVER_ONLINE: TerminationReason.LAUNCH_FAILED,
    WatchOutcome.NO_SIGN_OF_LIFE: TerminationReason.NO_SIGN_OF_LIFE,
    # The validator ended and could not tell, for a cause of the host's or the network's: another host may be better.
    WatchOutcome.COMMAND_FINISHED: TerminationReason.FINISHED,
}

LOST_FOR_GOOD = frozenset({WatchOutcome.SPOT_INTERRUPTED, WatchOutcome.INSTANCE_LOST})
"""Nothing is left of the instance, or AWS takes it in any case: a debug lease can't hold it either."""
REASONS_OF_LOSS = frozenset(_LOSSES.values()) - {TerminationReason.FINISHED}


def may_replace(outcome: WatchOutcome, *, launched_before: int, now: datetime, deadline_at: datetime) -> bool:
    """Whether the validation goes on with another instance.

    Args:
        outcome: How watching the instance ended.
        launched_before: How many instances the validation has had, the lost one included.
        now: The present.
        deadline_at: The hard limit, which holds over the replacement.
    """
    return outcome in _LOSSES and launched_before <= REPLACEMENTS and now < deadline_at


_NOT_OF_THE_HOST = frozenset({"agent_prompt"})
"""Checks whose trouble another host would meet as well, at a price."""


def is_worth_another_host(outcome: WatchOutcome, conclusion: Conclusion) -> bool:
    """Whether what was concluded leaves it open how the repository does.

    A report that blames the repository is a verdict, even if its instance was lost right after it. Where the validator
    ended by itself, its own report says that it could not tell, or there is none.
    """
    if conclusion.status is not ValidationStatus.ERROR:
        return False
    if outcome is not WatchOutcome.COMMAND_FINISHED:
        return True
    report = conclusion.report
    if report is None:
        return True  # it could not be fetched, or crashed, or could not hand its report over
    return report.status is ReportStatus.ERROR and report.failing_check not in _NOT_OF_THE_HOST


def reason_of_loss(outcome: WatchOutcome) -> TerminationReason:
    """What the ledger keeps of the lost instance."""
    return _LOSSES[outcome]
