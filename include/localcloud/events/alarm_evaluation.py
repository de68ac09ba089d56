"""What state an alarm is in, from the data of its periods. Pure.

Source: CloudWatch user guide, "Using Amazon CloudWatch alarms". Unlike CloudWatch it looks at the period that has just
begun as soon as that has data, so that an alarm doesn't wait for the period's end.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class AlarmState(str, Enum):
    """The states of an alarm; each may follow each."""

    OK = "OK"
    ALARM = "ALARM"
    NO_DATA = "INSUFFICIENT_DATA"


class Missing(str, Enum):
    """What a period without data counts as."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True)
class Sample:
    """A value, or several summed up, of a metric."""

    moment: datetime
    total: float
    count: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """When an alarm goes off."""

    statistic: str
    comparison: str
    threshold: float
    period: timedelta
    periods: int
    breaches: int
    """How many of the periods have to breach."""
    missing: Missing = Missing.MISSING


def statistic_of(name: str, samples: Sequence[Sample]) -> float:
    """A statistic (`Sum`, `p99` …) of the samples of one period; percentiles see summed-up samples as their mean."""
    if name == "Sum":
        return sum(sample.total for sample in samples)
    if name == "SampleCount":
        return sum(sample.count for sample in samples)
    if name == "Average":
        return sum(sample.total for sample in samples) / (sum(sample.count for sample in samples) or 1)
    if name == "Minimum":
        return min(sample.least for sample in samples)
    if name == "Maximum":
        return max(sample.most for sample in samples)
    if name.startswith("p"):
        values = sorted(sample.total / (sample.count or 1) for sample in samples)
        return values[max(0, math.ceil(float(name[1:]) / 100 * len(values)) - 1)]
    raise ValueError(f"the local cloud has no statistic {name}")


def evaluate(
    rule: AlarmRule, samples: Sequence[Sample], now: datetime, before: AlarmState
) -> tuple[AlarmState, str, list[float]]:
    """The state now, the reason in words, and the values of the periods that have data, oldest first."""
    length = rule.period.total_seconds()
    by_period: dict[int, list[Sample]] = {}
    for sample in samples:
        by_period.setdefault(int(sample.moment.timestamp() // length), []).append(sample)
    current = int(now.timestamp() // length)
    last = current if current in by_period else current - 1
    values = _values(rule, by_period, range(last - rule.periods + 1, last + 1))
    known = [value for value in values if value is not None]
    if not known:
        return _without_data(rule.missing, before), f"no datapoints were received for {rule.periods} period(s)", known
    breaching = _breaching(rule, known)
    gaps = rule.periods - len(known)
    if rule.missing is Missing.BREACHING:
        breaching += gaps
    over = f"{breaching} of {rule.periods} datapoint(s) breached: {known} {rule.comparison} {rule.threshold:g}"
    if breaching >= rule.breaches:
        return AlarmState.ALARM, f"Threshold Crossed: {over}", known
    if rule.missing is Missing.IGNORE and breaching + gaps >= rule.breaches:
        return before, f"Unchanged: {over}", known
    return AlarmState.OK, f"Threshold not crossed: {over}", known


def _values(rule: AlarmRule, by_period: Mapping[int, Sequence[Sample]], periods: range) -> list[float | None]:
    return [statistic_of(rule.statistic, by_period[n]) if n in by_period else None for n in periods]


def _breaching(rule: AlarmRule, values: Sequence[float]) -> int:
    compare = COMPARISONS[rule.comparison]
    return sum(1 for value in values if compare(value, rule.threshold))


def _without_data(missing: Missing, before: AlarmState) -> AlarmState:
    return {
        Missing.BREACHING: AlarmState.ALARM,
        Missing.NOT_BREACHING: AlarmState.OK,
        Missing.IGNORE: before,
        Missing.MISSING: AlarmState.NO_DATA,
    }[missing]
