"""When launches pause, and when they go on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.launch.breaker import BreakerRule, LaunchOutcome, state_of
from janitor.domain.states import PlacementResult, TerminationReason

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
RULE = BreakerRule(failures=3, pause=timedelta(minutes=15))


def outcome(
    minutes_ago: float,
    result: PlacementResult = PlacementResult.LAUNCHED,
    reason: TerminationReason | None = TerminationReason.LAUNCH_FAILED,
    *,
    took_command: bool = False,
    is_live: bool = False,
) -> LaunchOutcome:
    return LaunchOutcome(
        result=result,
        reason=None if is_live else reason,
        detail="why",
        took_command=took_command,
        is_live=is_live,
        at=NOW - timedelta(minutes=minutes_ago),
    )


@pytest.mark.parametrize(
    ("one", "failure", "success"),
    [
        (outcome(1), True, False),
        (outcome(1, reason=TerminationReason.INSTANCE_LOST), True, False),
        (outcome(1, PlacementResult.QUOTA), True, False),
        (outcome(1, PlacementResult.PERMISSION), True, False),
        (outcome(1, PlacementResult.CONFIG), True, False),
        # The placement has bounds of its own.
        (outcome(1, PlacementResult.CAPACITY), False, False),
        (outcome(1, PlacementResult.THROTTLED), False, False),
        # A person's doing says nothing of launching.
        (outcome(1, reason=TerminationReason.OPERATOR_KILL), False, False),
        (outcome(1, reason=TerminationReason.CANCELLED), False, False),
        (outcome(1, is_live=True), False, False),
        (outcome(1, reason=TerminationReason.FINISHED, took_command=True), False, True),
        (outcome(1, reason=TerminationReason.INSTANCE_LOST, took_command=True), False, True),
        # A command that is taken and never starts proves nothing.
        (outcome(1, reason=TerminationReason.NO_SIGN_OF_LIFE, took_command=True), True, False),
    ],
)
def test_what_counts(one: LaunchOutcome, failure: bool, success: bool) -> None:
    assert (one.is_failure, one.is_success) == (failure, success)


def test_failures_in_a_row_pause_launches_for_a_while() -> None:
    state = state_of("acme/worker", [outcome(1), outcome(2), outcome(3)], RULE)
    assert state.paused_until == NOW - timedelta(minutes=1) + RULE.pause
    assert state.refuses(NOW)
    assert not state.refuses(NOW + RULE.pause)


def test_a_success_in_between_begins_anew() -> None:
    fine = outcome(2, reason=TerminationReason.FINISHED, took_command=True)
    state = state_of("acme/worker", [outcome(1), fine, outcome(3), outcome(4), outcome(5)], RULE)
    assert (state.failures_in_a_row, state.paused_until) == (1, None)


def test_after_the_pause_one_trial_goes_first() -> None:
    failed = [outcome(20), outcome(21), outcome(22)]
    due = state_of("acme/worker", failed, RULE)
    assert not due.refuses(NOW)
    assert not due.holds_back(NOW)
    trying = state_of("acme/worker", [outcome(1, is_live=True), *failed], RULE)
    assert trying.holds_back(NOW)
    # A trial that fails pauses again, from its end.
    again = state_of("acme/worker", [outcome(1), *failed], RULE)
    assert again.refuses(NOW)
