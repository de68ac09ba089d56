"""Whether the nightly run still comes: where two of them in a row didn't, nobody knows how the fleet is."""

from __future__ import annotations

from datetime import datetime, timedelta

from janitor.domain.config.notifications import NotificationEvent
from janitor.settings import Settings
from janitor.stores.database import Connection
from janitor.stores.standing import news as store

KEY = "schedule"
MISSED = 2
_LATE = timedelta(hours=6)
"""So long after its time a scheduled run is dropped for good; see `janitor.services.launch.plan`."""


def keep_missed_schedule(connection: Connection, settings: Settings, now: datetime) -> None:
    """Keep that no run has begun for two scheduled times, or that one has again; nothing without a schedule.

    A deployment that never had a run has nobody to tell.
    """
    if not settings.schedule:
        return
    since = due_before(settings.schedule, now - _LATE, MISSED)
    began = store.last_run_began(connection, settings.deployment)
    if began is None:
        return
    if began >= since:
        store.end_news(connection, settings.deployment, NotificationEvent.STALE, KEY)
    else:
        facts = {"schedule": settings.schedule, "last_began_at": began.isoformat()}
        store.open_news(connection, settings.deployment, NotificationEvent.STALE, KEY, facts=facts)


def due_before(schedule: str, now: datetime, times: int) -> datetime:
    """The last scheduled time but so many before an instant, in UTC."""
    # Here, because no other command that keeps news has a schedule.
    from croniter import croniter  # noqa: PLC0415  # loaded where it is needed alone

    due = croniter(schedule, now)
    found: datetime = now
    for _ in range(times):
        found = due.get_prev(datetime)
    return found
