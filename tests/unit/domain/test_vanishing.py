"""That EC2 doesn't show an instance is weak evidence: when it is believed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.reap.vanishing import Absence, are_too_many, judge_absence

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
INTERVAL = 5 * MINUTE


def judge(
    *,
    age: timedelta = HOUR,
    left: timedelta = HOUR,
    missing_for: timedelta | None = None,
    was_seen_ending: bool = False,
) -> Absence:
    return judge_absence(
        launched_at=NOW - age,
        may_live_until=NOW + left,
        was_seen_ending=was_seen_ending,
        missing_since=None if missing_for is None else NOW - missing_for,
        now=NOW,
        consistency=MINUTE,
        reap_interval=INTERVAL,
    )


def test_a_new_one_may_not_show_yet() -> None:
    assert judge(age=MINUTE - SECOND) is Absence.NOT_YET
    assert judge(age=MINUTE) is Absence.MISSING


def test_it_takes_two_looks_a_pass_of_the_reaper_apart() -> None:
    assert judge(missing_for=timedelta(0)) is Absence.MISSING
    assert judge(missing_for=INTERVAL - SECOND) is Absence.MISSING
    assert judge(missing_for=INTERVAL) is Absence.VANISHED


def test_one_that_was_seen_ending_is_gone() -> None:
    assert judge(was_seen_ending=True) is Absence.EXPECTED


def test_past_its_bound_ec2_has_forgotten_it_but_not_by_one_look() -> None:
    past = -INTERVAL - SECOND
    assert judge(left=past) is Absence.MISSING
    assert judge(left=past, missing_for=INTERVAL - SECOND) is Absence.MISSING
    assert judge(left=past, missing_for=INTERVAL) is Absence.EXPECTED
    assert judge(left=-INTERVAL, missing_for=INTERVAL) is Absence.VANISHED


@pytest.mark.parametrize(
    ("missing", "live", "doubted"),
    [(1, 1, False), (2, 2, False), (2, 3, False), (3, 3, True), (3, 5, True), (3, 6, False), (50, 99, True)],
)
def test_many_at_once_are_doubted(missing: int, live: int, doubted: bool) -> None:
    assert are_too_many(missing, live) is doubted
