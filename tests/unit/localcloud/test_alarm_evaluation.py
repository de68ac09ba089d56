"""An alarm's state from the data of its periods."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from localcloud.events.alarm_evaluation import AlarmRule, AlarmState, Missing, Sample, evaluate, statistic_of

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=timezone.utc)
OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.NO_DATA


def sample(value: float, minutes_ago: float) -> Sample:
    return Sample(NOW - timedelta(minutes=minutes_ago), value, 1, value, value)


def rule(periods: int = 1, breaches: int | None = None, missing: Missing = Missing.MISSING) -> AlarmRule:
    return AlarmRule(
        statistic="Maximum",
        comparison="GreaterThanThreshold",
        threshold=5,
        period=timedelta(minutes=1),
        periods=periods,
        breaches=breaches or periods,
        missing=missing,
    )


def state(alarm: AlarmRule, *samples: Sample, before: AlarmState = OK) -> AlarmState:
    return evaluate(alarm, samples, NOW, before)[0]


def test_threshold() -> None:
    assert state(rule(), sample(6, 0)) is ALARM
    assert state(rule(), sample(5, 0), before=ALARM) is OK
    assert state(rule(), sample(6, 1)) is ALARM  # the period before: the current one has no data yet
    assert state(rule(), sample(6, 1), sample(1, 0), before=ALARM) is OK


def test_some_of_several_periods() -> None:
    two_of_three = rule(3, 2)
    assert state(two_of_three, sample(6, 2), sample(1, 1), sample(6, 0)) is ALARM
    assert state(two_of_three, sample(6, 2), sample(1, 1), sample(1, 0)) is OK
    assert state(rule(3), sample(6, 2), sample(6, 1), sample(6, 0)) is ALARM
    assert state(rule(3), sample(6, 3), sample(6, 2), sample(1, 1), sample(6, 0)) is OK


@pytest.mark.parametrize(
    ("missing", "before", "expected"),
    [
        (Missing.MISSING, ALARM, NO_DATA),
        (Missing.IGNORE, ALARM, ALARM),
        (Missing.IGNORE, OK, OK),
        (Missing.BREACHING, OK, ALARM),
        (Missing.NOT_BREACHING, ALARM, OK),
    ],
)
def test_no_data(missing: Missing, before: AlarmState, expected: AlarmState) -> None:
    assert state(rule(2, missing=missing), before=before) is expected
    assert state(rule(2, missing=missing), sample(9, 30), before=before) is expected  # too old to matter


def test_gaps_between_data() -> None:
    assert state(rule(2, missing=Missing.BREACHING), sample(6, 0)) is ALARM
    assert state(rule(2, missing=Missing.NOT_BREACHING), sample(6, 0)) is OK
    assert state(rule(2, missing=Missing.IGNORE), sample(6, 0), before=ALARM) is ALARM
    assert state(rule(2, missing=Missing.IGNORE), sample(1, 0), before=ALARM) is OK


def test_statistics() -> None:
    samples = [Sample(NOW, 10, 4, 1, 5), Sample(NOW, 2, 1, 2, 2)]
    expected = {"Sum": 12, "SampleCount": 5, "Average": 2.4, "Minimum": 1, "Maximum": 5, "p50": 2, "p100": 2.5}
    assert {name: statistic_of(name, samples) for name in expected} == expected
    with pytest.raises(ValueError, match="no statistic"):
        statistic_of("IQM", samples)


def test_reason_names_the_values() -> None:
    _, reason, values = evaluate(rule(), [sample(6, 0)], NOW, OK)
    assert "6" in reason
    assert values == [6]
