"""Durations in the words of a decision."""

from __future__ import annotations

from datetime import timedelta


def seconds_text(duration: timedelta) -> str:
    """In whole seconds; `timedelta.max` is for ever."""
    return "for ever" if duration == timedelta.max else f"{duration.total_seconds():.0f} s"
