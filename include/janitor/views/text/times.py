"""Instants and durations in words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def instant(at: datetime) -> str:
    """`2024-01-15 14:30:00 UTC`."""
    return f"{at.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def exactly(duration: timedelta) -> str:
    """`4 minutes 32 seconds`; parts that are zero are left out."""
    hours, minutes, seconds = _parts(duration)
    parts = [_counted(hours, "hour"), _counted(minutes, "minute"), _counted(seconds, "second")]
    return " ".join(part for part in parts if part) or "0 seconds"


def roughly(duration: timedelta) -> str:
    """`18 minutes`, `45 seconds`, `2 hours 5 minutes`: what has passed in full."""
    hours, minutes, seconds = _parts(duration)
    if not hours and not minutes:
        return _counted(seconds, "second") or "0 seconds"
    return " ".join(part for part in (_counted(hours, "hour"), _counted(minutes, "minute")) if part)


def compactly(duration: timedelta) -> str:
    """`4m32s`, `45s`, `1h2m5s`."""
    hours, minutes, seconds = _parts(duration)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _parts(duration: timedelta) -> tuple[int, int, int]:
    total = max(0, int(duration.total_seconds()))
    return total // 3600, total // 60 % 60, total % 60


def _counted(number: int, unit: str) -> str:
    if not number:
        return ""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
