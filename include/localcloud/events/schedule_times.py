"""When `at(…)`, `rate(…)` and `cron(…)` are due. Pure: every instant comes in as an argument.

Source: EventBridge Scheduler user guide, "Schedule types"; EventBridge user guide, "Cron expressions". `W` in a
cron expression is not supported.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
CRON = re.compile(r"cron\(([^()]+)\)")
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, 1)}
WEEKDAYS = {name: number for number, name in enumerate(WEEKDAY_NAMES, 1)}
YEARS = range(1970, 2200)
SEARCH_DAYS = 366 * 9
"""How far a cron expression's next time is looked for: the 29th of February is at most eight years away."""


class ExpressionError(ValueError):
    """An expression can't be understood."""


def zone(name: str) -> tzinfo:
    """A time zone by its name. Raises ExpressionError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ExpressionError(f"Invalid Schedule Expression Timezone {name}") from exc


@dataclass(frozen=True)
class At:
    """Once."""

    moment: datetime

    def next_after(self, moment: datetime, anchor: datetime) -> datetime | None:
        """Its time, if that is later."""
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Rate:
    """Again and again, from the anchor on."""

    period: timedelta

    def next_after(self, moment: datetime, anchor: datetime) -> datetime | None:
        """The anchor, or a whole number of periods after it."""
        if moment < anchor:
            return anchor
        return anchor + self.period * ((moment - anchor) // self.period + 1)


@dataclass(frozen=True)
class Cron:
    """At the times of a calendar."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    zone: tzinfo

    def next_after(self, moment: datetime, anchor: datetime) -> datetime | None:
        """The first time that is later. A time that a change to summer time leaves out is left out."""
        local = moment.astimezone(self.zone)
        day = local.date()
        for _ in range(SEARCH_DAYS):
            if day.year in self.years and day.month in self.months and self._day_fits(day):
                for clock in self._clocks:
                    found = self._instant(day, clock)
                    if found is not None and found > moment:
                        return found
            day += timedelta(days=1)
        return None

    @cached_property
    def _clocks(self) -> list[time]:
        return [time(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]

    def _instant(self, day: date, clock: time) -> datetime | None:
        wall = datetime.combine(day, clock)
        found = wall.replace(tzinfo=self.zone).astimezone(timezone.utc)
        return found if found.astimezone(self.zone).replace(tzinfo=None) == wall else None

    def _day_fits(self, day: date) -> bool:
        if self.days != "?":
            last = calendar.monthrange(day.year, day.month)[1]
            return day.day == last if self.days == "L" else day.day in _field(self.days, range(1, 32), {})
        return any(_weekday_fits(part, day) for part in self.weekdays.split(","))


Expression = At | Rate | Cron


def parse(text: str, timezone_name: str = "UTC") -> Expression:
    """Read an expression. Raises ExpressionError."""
    local = zone(timezone_name)
    try:
        if match := AT.fullmatch(text):
            return At(datetime.fromisoformat(match[1]).replace(tzinfo=local).astimezone(timezone.utc))
        if match := RATE.fullmatch(text):
            return _rate(int(match[1]), match[2], plural=bool(match[3]))
        if match := CRON.fullmatch(text):
            return _cron(match[1].split(), local)
    except (ValueError, OverflowError) as exc:
        raise ExpressionError(f"Invalid Schedule Expression {text}: {exc}") from exc
    raise ExpressionError(f"Invalid Schedule Expression {text}.")


def _rate(value: int, unit: str, *, plural: bool) -> Rate:
    if value < 1 or (value == 1) is plural:
        raise ValueError("a rate is 1 minute, or more minutes, hours or days")
    return Rate(UNITS[unit] * value)


def _cron(fields: list[str], local: tzinfo) -> Cron:
    if len(fields) != 6:
        raise ValueError("minutes, hours, day of month, month, day of week and year are needed")
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") is (weekdays == "?"):
        raise ValueError("one of day of month and day of week, and only one, is '?'")
    if days not in ("?", "L"):
        _field(days, range(1, 32), {})
    if weekdays != "?":
        for part in weekdays.split(","):
            _weekday_fits(part, date(2000, 1, 1))
    return Cron(
        minutes=_field(minutes, range(60), {}),
        hours=_field(hours, range(24), {}),
        days=days,
        months=_field(months, range(1, 13), MONTHS),
        weekdays=weekdays,
        years=_field(years, YEARS, {}),
        zone=local,
    )


def _field(text: str, allowed: range, names: dict[str, int]) -> frozenset[int]:
    """The numbers of one field: `*`, `a`, `a-b`, each with `/step`, and lists of them."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = allowed[0], allowed[-1]
        else:
            low = _number(first, names)
            high = _number(last, names) if dash else (allowed[-1] if step else low)
        if low not in allowed or high not in allowed or low > high or (step and int(step) < 1):
            raise ValueError(f"'{part}' is not within {allowed[0]} to {allowed[-1]}")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise ValueError(f"'{text}' is not supported")
    return int(text)


def _weekday_fits(part: str, day: date) -> bool:
    """One entry of the day-of-week field: as others, or `6#3` (the third Friday), or `6L` (the last Friday)."""
    weekday = day.isoweekday() % 7 + 1  # Sunday is 1
    if "#" in part:
        name, _, number = part.partition("#")
        return weekday in _field(name, range(1, 8), WEEKDAYS) and (day.day + 6) // 7 == _number(number, {})
    if part.endswith("L"):
        last_week = day.day + 7 > calendar.monthrange(day.year, day.month)[1]
        return last_week and weekday in _field(part[:-1] or "7", range(1, 8), WEEKDAYS)
    return weekday in _field(part, range(1, 8), WEEKDAYS)
