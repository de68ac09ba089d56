"""Every connection of the server is taken: the commands say so, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psycopg
import pytest

from janitor.domain.errors import DatabaseError
from janitor.services.deployment import look_at_deployment
from janitor.settings import Settings
from janitor.stack.postgres.connections import connection_holders
from janitor.stores.database import transaction
from janitor.stores.migrate import migrate
from janitor.stores.reaping import pass_lock
from tests.support.postgres import TestDatabase

MORE_THAN_THERE_ARE = 300


@pytest.fixture
def exhausted(database: TestDatabase) -> Iterator[None]:
    with ExitStack() as held:
        with suppress(psycopg.OperationalError):
            for _ in range(MORE_THAN_THERE_ARE):
                held.enter_context(psycopg.connect(database.writer_url, application_name="greedy"))
            pytest.fail("the server has more connections than this test takes")
        yield


@pytest.mark.usefixtures("exhausted")
def test_every_way_to_the_database_says_the_true_cause(database: TestDatabase) -> None:
    def ask() -> None:
        with transaction(database.reader_url):
            pytest.fail("there was one left")

    def lock() -> None:
        with pass_lock(database.writer_url, "x"):
            pytest.fail("there was one left")

    for way in (ask, lock, lambda: migrate(database.owner_url)):
        with pytest.raises(DatabaseError, match="no connection left for this role") as caught:
            way()
        assert '"No connection left"' in str(caught.value)
        assert "is the stack up" not in str(caught.value)


@pytest.mark.usefixtures("exhausted")
def test_the_look_at_a_deployment_asks_as_the_product_does(settings: Settings) -> None:
    answers = {answer.name: answer.problem for answer in look_at_deployment(settings)}
    for name in ("database", "database (writing)"):
        assert "no connection left" in str(answers[name])


@pytest.mark.usefixtures("exhausted")
def test_who_holds_them_is_asked_where_some_are_reserved(database: TestDatabase) -> None:
    holders = connection_holders(database.superuser_url)
    assert holders is not None
    assert "janitor_writer (greedy) " in holders
