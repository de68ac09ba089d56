"""A nightly run that doesn't come any more is told once, and that it is back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from janitor.domain.snapshot.alerts import AlertCode, alerts_of
from janitor.services.news.telling import write_messages
from janitor.services.outbox.schedule import due_before
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.support.news import Fleet, passed


def tell(settings: Settings) -> None:
    with transaction(settings.writer_url) as connection:
        write_messages(connection, settings)


def last_run_began(fleet: Fleet, ago: timedelta) -> None:
    with transaction(fleet.settings.writer_url) as connection:
        connection.execute(
            "update validation_runs set started_at = now() - %s where deployment = %s", (ago, fleet.settings.deployment)
        )


def codes(fleet: Fleet) -> set[AlertCode]:
    """Of the alerts that every face shows."""
    return {one.code for one in alerts_of(take_snapshot(fleet.settings, ask_airflow=False))}


def test_a_schedule_that_is_missed_twice(fleet: Fleet) -> None:
    nightly = fleet.settings.model_copy(update={"schedule": "0 3 * * *"})
    tell(nightly)
    assert fleet.headlines() == [], "it never had a run, and nobody to tell"
    fleet.run(a=passed())
    tell(nightly)
    assert fleet.headlines() == []
    assert AlertCode.SCHEDULE_MISSED not in codes(fleet)
    last_run_began(fleet, timedelta(days=4))
    tell(fleet.settings)
    assert fleet.headlines() == [], "runs by hand are late for nothing"
    for _ in range(2):
        tell(nightly)
    ((kind, headline),) = fleet.headlines()
    assert (kind, headline[:26]) == ("open", "Stale: the last run began ")
    assert AlertCode.SCHEDULE_MISSED in codes(fleet)
    last_run_began(fleet, timedelta(minutes=1))
    tell(nightly)
    assert AlertCode.SCHEDULE_MISSED not in codes(fleet)
    assert fleet.headlines()[1:] == [("close", "No longer stale: a run has begun")]


def test_the_time_before_the_last_one() -> None:
    now = datetime(2026, 5, 4, 7, 30, tzinfo=timezone.utc)
    assert due_before("0 3 * * *", now, 2) == datetime(2026, 5, 3, 3, tzinfo=timezone.utc)
    assert due_before("0 3 * * 1", now, 2) == datetime(2026, 4, 27, 3, tzinfo=timezone.utc)
