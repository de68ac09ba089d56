"""What becomes of a shared instance, and of a repository, when its turn is over: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from janitor.domain.states import TerminationReason
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.terms.reason_codes import ReasonCode

SEQUENTIAL_NAME = "sequential"
"""What the one instance of a run is called, in EC2 and in messages."""
MOST_INSTANCES = 3
"""Of one run, one after another: the first, and two in place of those that were lost or left unclean."""
_FURTHER_TURNS = 1
"""Of a repository whose instance was lost; as many as a validation with an instance of its own gets."""
LONGEST_RUN = timedelta(hours=12)
"""For all repositories of a run together."""
IDLE_LIMIT = timedelta(minutes=4)
"""After which the instance powers itself off, so that it is gone within five minutes of the last repository."""

_REASONS = {
    WatchOutcome.COMMAND_FINISHED: TerminationReason.FINISHED,
    WatchOutcome.TIME_UP: TerminationReason.TIMEOUT,
    WatchOutcome.INSTANCE_LOST: TerminationReason.INSTANCE_LOST,
    WatchOutcome.NEVER_ONLINE: TerminationReason.LAUNCH_FAILED,
    WatchOutcome.NO_SIGN_OF_LIFE: TerminationReason.NO_SIGN_OF_LIFE,
    WatchOutcome.SPOT_INTERRUPTED: TerminationReason.SPOT_INTERRUPTED,
}
_LOSSES = frozenset(WatchOutcome) - {WatchOutcome.COMMAND_FINISHED, WatchOutcome.TIME_UP}
"""No fault of the repository's, and no word on it."""
_NOT_BEGUN = frozenset({ReasonCode.MACHINE_NOT_READY.value, ReasonCode.VALIDATOR_UNFETCHED.value})
"""Ends of a command that never came to its repository."""


@dataclass(frozen=True, kw_only=True)
class AfterTurn:
    """What follows on a turn."""

    keeps_instance: bool
    """Whether the next repository may have the instance."""
    has_another_turn: bool
    """Whether the repository is tried again, on another instance; else it is recorded."""
    reason: TerminationReason
    """Why the instance ends, where it isn't kept."""


def after_turn(
    outcome: WatchOutcome,
    *,
    has_report: bool,
    reason_code: str | None,
    turns: int,
    launched: int,
    now: datetime,
    deadline_at: datetime,
    further_turns: int = _FURTHER_TURNS,
) -> AfterTurn:
    """Say what follows.

    The instance goes on only where its validator has ended by itself and has handed in a report that is believed: then
    it has cleaned up. Otherwise processes of a stranger may still be at work on it.

    Args:
        outcome: How watching the turn ended.
        has_report: Whether there is a report of it that is believed.
        reason_code: Of what would be recorded now.
        turns: How many turns the repository has had, this one included.
        launched: How many instances the run has had, this one included.
        now: The present.
        deadline_at: The repository's hard limit, which holds over another turn.
        further_turns: How many turns it may have after its first.
    """
    another = (
        (outcome in _LOSSES or reason_code in _NOT_BEGUN)
        and not has_report
        and turns <= further_turns
        and launched < MOST_INSTANCES
        and now < deadline_at
    )
    return AfterTurn(
        keeps_instance=outcome is WatchOutcome.COMMAND_FINISHED and has_report,
        has_another_turn=another,
        reason=_REASONS[outcome],
    )


def works_for(repository: str | None, run_id: object | None) -> str:
    """What an instance works for, in words.

    Each repository's own instance names it; one that belongs to a run and to none of its repositories is shared by all.

    Args:
        repository: That it belongs to; None where it belongs to none.
        run_id: Whose it is; None where that isn't known.
    """
    if repository:
        return repository
    return f"run {run_id} ({SEQUENTIAL_NAME})" if run_id else "unknown repository"


def default_total(timeouts: list[timedelta], grace: timedelta) -> timedelta:
    """How long a run may take that doesn't say it: as long as each of its repositories, at most `LONGEST_RUN`."""
    return min(sum(timeouts, timedelta()) + grace * len(timeouts), LONGEST_RUN)
