"""Acknowledging a cause in a real PostgreSQL: who may write, what is refused, and when it is heard again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from pydantic import SecretStr

from janitor.domain.errors import ConflictError, DatabaseError, NotFoundError
from janitor.domain.evidence.acknowledgement import LONGEST, LONGEST_REASON, AcknowledgedUntil
from janitor.domain.evidence.cause import Cause
from janitor.services.evidence.acknowledge import Wanted, acknowledge, take_back
from janitor.settings import Settings
from tests.integration.evidence.test_causes import NEW, OPTIONS, bad, good, history, only
from tests.support.postgres import TestDatabase
from tests.support.reports import History

__all__ = ["history"]

CAUSE, COMMIT, DATE = AcknowledgedUntil.CAUSE_CHANGES, AcknowledgedUntil.NEW_COMMIT, AcknowledgedUntil.DATE


@pytest.fixture
def broken(history: History, database: TestDatabase) -> Cause:
    """A cause of the last run."""
    history.run(good())
    run(history, database, NEW)
    return only(history)


def run(history: History, database: TestDatabase, commit: str, **others: str) -> None:
    """A run that is over and failed."""
    history.run(bad(commit, **others))
    with psycopg.connect(database.owner_url, options=OPTIONS) as connection:
        connection.execute(
            "update validation_runs set status = 'failed', completed_at = now() where run_id = %s", (history.runs[-1],)
        )


def wanted(cause: Cause, until: AcknowledgedUntil = CAUSE, **others: object) -> Wanted:
    return replace(Wanted(cause_key=cause.key, reason="known since Monday", until=until), **others)


def test_it_is_silent_until_its_cause_changes(history: History, database: TestDatabase, broken: Cause) -> None:
    settings = history.settings
    assert not broken.is_silent
    acknowledge(settings, wanted(broken), "ada")
    known = only(history).example.acknowledged
    assert known is not None
    assert (known.made_by, known.reason) == ("ada", "known since Monday")
    run(history, database, NEW)
    assert only(history).is_silent, "it goes on by the same cause"
    run(history, database, NEW, reason="ValueError: something else")
    assert not only(history).is_silent


def test_it_is_heard_when_it_breaks_anew(history: History, database: TestDatabase, broken: Cause) -> None:
    acknowledge(history.settings, wanted(broken), "ada")
    history.run(good())
    run(history, database, NEW)
    assert not only(history).is_silent


def test_a_new_commit_ends_it(history: History, database: TestDatabase, broken: Cause) -> None:
    acknowledge(history.settings, wanted(broken, COMMIT), "ada")
    run(history, database, NEW)
    assert only(history).is_silent
    run(history, database, "c" * 40)
    assert not only(history).is_silent


def test_it_can_be_taken_back(history: History, broken: Cause) -> None:
    acknowledge(history.settings, wanted(broken, DATE, until_at=soon()), "ada")
    assert only(history).is_silent
    take_back(history.settings, broken.key, "bob")
    assert not only(history).is_silent
    with pytest.raises(NotFoundError, match="isn't acknowledged"):
        take_back(history.settings, broken.key, "bob")


def soon() -> datetime:
    """A date that may be asked for."""
    return datetime.now(timezone.utc) + timedelta(days=2)


@pytest.mark.parametrize(
    ("until", "others", "said"),
    [
        (CAUSE, {"reason": " \n "}, "a reason is needed"),
        (CAUSE, {"reason": "x" * (LONGEST_REASON + 1)}, "characters"),
        (CAUSE, {"until_at": soon()}, "a date is needed for"),
        (DATE, {}, "a date is needed for"),
        (DATE, {"until_at": soon() - timedelta(days=3)}, "must lie ahead"),
        (DATE, {"until_at": soon() + LONGEST}, "must lie ahead"),
    ],
)
def test_what_is_refused(
    history: History, broken: Cause, until: AcknowledgedUntil, others: dict[str, object], said: str
) -> None:
    with pytest.raises(ConflictError, match=said):
        acknowledge(history.settings, wanted(broken, until, **others), "ada")
    assert not only(history).is_silent


def test_what_isn_t_there(history: History, broken: Cause) -> None:
    with pytest.raises(NotFoundError, match="no such cause"):
        acknowledge(history.settings, wanted(broken, cause_key="x"), "ada")
    with pytest.raises(NotFoundError, match="doesn't fail by this cause"):
        acknowledge(history.settings, wanted(broken, repository="acme/worker-b"), "ada")


def test_another_deployment_hears_it(history: History, settings: Settings, broken: Cause) -> None:
    other = settings.model_copy(update={"deployment": f"{settings.deployment}-other"})
    with pytest.raises(NotFoundError):
        acknowledge(other, wanted(broken), "ada")


def test_whoever_only_reads_can_acknowledge_nothing(history: History, database: TestDatabase, broken: Cause) -> None:
    reading = history.settings.model_copy(update={"database_url": SecretStr(database.reader_url)})
    assert reading.writer_url == database.reader_url
    with pytest.raises(DatabaseError):
        acknowledge(reading, wanted(broken), "ada")
    with psycopg.connect(database.reader_url) as connection:
        connection.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update janitor.acknowledgements set reason = 'x'")
    assert not only(history).is_silent
