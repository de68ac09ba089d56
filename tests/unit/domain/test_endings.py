"""Why an instance ended, and whether its validation goes on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.deadlines import external_timer_at, guest_timer_at
from janitor.domain.launch.replacing import may_replace
from janitor.domain.reap.ending import GUEST_SHUTDOWN, SPOT_TERMINATION, USER_SHUTDOWN, infer_termination_reason
from janitor.domain.states import TerminationReason
from janitor.domain.watch.watching import WatchOutcome

EXPIRY = datetime(2026, 1, 1, tzinfo=timezone.utc)
INTERVAL = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("code", "after_expiry", "has_notice", "reason"),
    [
        (SPOT_TERMINATION, -10 * MINUTE, False, TerminationReason.SPOT_INTERRUPTED),
        (GUEST_SHUTDOWN, -10 * MINUTE, False, TerminationReason.INSTANCE_LOST),
        (GUEST_SHUTDOWN, 1.5 * MINUTE, False, TerminationReason.INSTANCE_LOST),
        (GUEST_SHUTDOWN, 2 * MINUTE, False, TerminationReason.GUEST_TIMER),
        (USER_SHUTDOWN, -10 * MINUTE, False, TerminationReason.INSTANCE_LOST),
        (USER_SHUTDOWN, MINUTE, False, TerminationReason.EXTERNAL_TIMER),
        (USER_SHUTDOWN, 4 * MINUTE, True, TerminationReason.EXTERNAL_REAPER),
        (None, 4 * MINUTE, True, TerminationReason.EXTERNAL_REAPER),
        (None, 4 * MINUTE, False, TerminationReason.INSTANCE_LOST),
        ("Server.InternalError", 4 * MINUTE, False, TerminationReason.INSTANCE_LOST),
    ],
)
def test_the_end_is_read_from_ec2_s_word_and_the_clock(
    code: str | None, after_expiry: timedelta, has_notice: bool, reason: TerminationReason
) -> None:
    inferred = infer_termination_reason(
        code,
        seen_at=EXPIRY + after_expiry,
        may_live_until=EXPIRY,
        reap_interval=INTERVAL,
        has_notice=has_notice,
    )
    assert inferred is reason


def test_an_end_that_is_seen_late_is_judged_by_when_it_was() -> None:
    """As `reconcile` hands it on: what EC2 says of the end, not when somebody looked."""
    for at, reason in (
        (EXPIRY - 10 * MINUTE, TerminationReason.INSTANCE_LOST),
        (EXPIRY + MINUTE, TerminationReason.EXTERNAL_TIMER),
    ):
        inferred = infer_termination_reason(
            USER_SHUTDOWN, seen_at=at, may_live_until=EXPIRY, reap_interval=INTERVAL, has_notice=False
        )
        assert inferred is reason


def test_all_timers_fire_within_one_period_of_the_reaper() -> None:
    assert EXPIRY < external_timer_at(EXPIRY, INTERVAL) < guest_timer_at(EXPIRY, INTERVAL) < EXPIRY + INTERVAL


@pytest.mark.parametrize(
    ("outcome", "launched_before", "left", "expected"),
    [
        (WatchOutcome.SPOT_INTERRUPTED, 1, MINUTE, True),
        (WatchOutcome.INSTANCE_LOST, 1, MINUTE, True),
        (WatchOutcome.NEVER_ONLINE, 1, MINUTE, True),
        (WatchOutcome.NO_SIGN_OF_LIFE, 1, MINUTE, True),
        (WatchOutcome.NO_SIGN_OF_LIFE, 2, MINUTE, False),
        (WatchOutcome.INSTANCE_LOST, 2, MINUTE, False),
        (WatchOutcome.INSTANCE_LOST, 1, -MINUTE, False),
        (WatchOutcome.TIME_UP, 1, MINUTE, False),
        (WatchOutcome.COMMAND_FINISHED, 1, MINUTE, True),
        (WatchOutcome.COMMAND_FINISHED, 2, MINUTE, False),
    ],
)
def test_one_free_replacement_within_the_limit(
    outcome: WatchOutcome, launched_before: int, left: timedelta, expected: bool
) -> None:
    assert may_replace(outcome, launched_before=launched_before, now=EXPIRY, deadline_at=EXPIRY + left) is expected
