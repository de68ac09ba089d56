"""What a running validation is at, in few words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from janitor.domain.views import ValidationView
from janitor.views.text.marks import one_line
from janitor.views.text.times import compactly


def doing(validation: ValidationView) -> str | None:
    """`test: handler_api`; `static` between two checks, for one that has ended isn't what it is at; None if unknown."""
    progress = validation.progress
    if progress is None or validation.status.is_final:
        return None
    return one_line(progress.phase if progress.status is not None else f"{progress.phase}: {progress.check}")


def against_last(validation: ValidationView, now: datetime) -> str:
    """`35s of ~1m20s`: the time since launch, and the last time's; empty where it hasn't begun."""
    elapsed = validation.elapsed(now)
    if elapsed is None:
        return ""
    usual = validation.usual_time
    return compactly(elapsed) if usual is None else f"{compactly(elapsed)} of ~{compactly(usual)}"


def left_text(validation: ValidationView, now: datetime, written: Callable[[timedelta], str] = compactly) -> str | None:
    """`~45s left`, or `12s longer than last time`; None where it can't be told."""
    left = validation.left(now)
    if left is None:
        return None
    return f"~{written(left)} left" if left > timedelta() else f"{written(-left)} longer than last time"
