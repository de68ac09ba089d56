"""When `validate_workers` starts by itself."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable


def nightly(cron: str) -> CronTriggerTimetable | None:
    """The timetable of a cron expression, in UTC; None where it is empty."""
    return CronTriggerTimetable(cron, timezone="UTC") if cron else None
