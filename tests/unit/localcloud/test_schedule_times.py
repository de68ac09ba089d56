"""When schedules are due."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from localcloud.events.schedule_times import ExpressionError, parse


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


ANCHOR = utc("2026-01-01T00:00:30")


@pytest.mark.parametrize(
    ("expression", "zone", "after", "due"),
    [
        ("at(2026-03-01T12:00:00)", "UTC", "2026-02-01T00:00:00", "2026-03-01T12:00:00"),
        ("at(2026-03-01T12:00:00)", "America/New_York", "2026-02-01T00:00:00", "2026-03-01T17:00:00"),
        ("rate(1 minute)", "UTC", "2025-12-31T00:00:00", "2026-01-01T00:00:30"),
        ("rate(1 minute)", "UTC", "2026-01-01T00:00:30", "2026-01-01T00:01:30"),
        ("rate(5 minutes)", "UTC", "2026-01-01T00:07:00", "2026-01-01T00:10:30"),
        ("rate(2 days)", "UTC", "2026-01-02T00:00:00", "2026-01-03T00:00:30"),
        ("cron(* * * * ? *)", "UTC", "2026-01-01T10:00:00", "2026-01-01T10:01:00"),
        ("cron(0/15 8-9 * * ? *)", "UTC", "2026-01-01T08:16:00", "2026-01-01T08:30:00"),
        ("cron(0/15 8-9 * * ? *)", "UTC", "2026-01-01T09:45:00", "2026-01-02T08:00:00"),
        ("cron(0 3 ? * MON-FRI *)", "UTC", "2026-01-03T00:00:00", "2026-01-05T03:00:00"),
        ("cron(0 3 ? * 1 *)", "UTC", "2026-01-01T00:00:00", "2026-01-04T03:00:00"),
        ("cron(0 0 L * ? *)", "UTC", "2026-02-01T00:00:00", "2026-02-28T00:00:00"),
        ("cron(0 0 ? * 6L *)", "UTC", "2026-01-01T00:00:00", "2026-01-30T00:00:00"),
        ("cron(0 0 ? * FRI#3 *)", "UTC", "2026-01-01T00:00:00", "2026-01-16T00:00:00"),
        ("cron(0 0 29 2 ? *)", "UTC", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("cron(30 1 1,15 JAN,JUL ? *)", "UTC", "2026-01-15T02:00:00", "2026-07-01T01:30:00"),
        ("cron(0 9 * * ? *)", "Europe/Berlin", "2026-07-01T00:00:00", "2026-07-01T07:00:00"),
        # The night in which clocks go from 2:00 to 3:00 has no 2:30.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-30T00:30:00"),
    ],
)
def test_next_time(expression: str, zone: str, after: str, due: str) -> None:
    assert parse(expression, zone).next_after(utc(after), ANCHOR) == utc(due)


@pytest.mark.parametrize("expression", ["at(2026-01-01T00:00:00)", "cron(0 0 1 1 ? 2025)"])
def test_nothing_is_due_any_more(expression: str) -> None:
    assert parse(expression).next_after(utc("2026-06-01T00:00:00"), ANCHOR) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "at(2026-01-01)",
        "at(2026-13-01T00:00:00)",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(5 seconds)",
        "cron(* * * * *)",
        "cron(* * * * * *)",
        "cron(* * ? * ? *)",
        "cron(60 * * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 ? * FUN *)",
        "cron(0/0 * * * ? *)",
        "cron(5-1 * * * ? *)",
    ],
)
def test_wrong_expressions(expression: str) -> None:
    with pytest.raises(ExpressionError, match="Invalid Schedule Expression"):
        parse(expression)


def test_unknown_time_zone() -> None:
    with pytest.raises(ExpressionError, match="Mars/Base"):
        parse("rate(1 day)", "Mars/Base")
