"""The places of a day for pull requests: never more than its number, and what a person said stays said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from janitor.domain.errors import DatabaseError
from janitor.stores.database import transaction
from janitor.stores.standing import repair_pulls as store
from janitor.stores.standing.repair_pulls import PullKey
from tests.support.postgres import TestDatabase

MOST = 3


def key(deployment: str, number: int) -> PullKey:
    return PullKey(deployment=deployment, repository=f"acme/worker-{number}", signature="0123456789abcdef")


def test_many_at_once_take_no_more_than_the_days_number(database: TestDatabase) -> None:
    deployment = uuid4().hex[:8]

    def ask(number: int) -> bool:
        with transaction(database.writer_url) as connection:
            return store.ask_for(connection, key(deployment, number), most_a_day=MOST)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(12))) == [False] * 9 + [True] * MOST


def test_a_place_is_held_until_it_is_given_back_and_counts_once(database: TestDatabase) -> None:
    deployment = uuid4().hex[:8]
    with transaction(database.writer_url) as connection:
        assert store.ask_for(connection, key(deployment, 1), most_a_day=1)
        assert store.ask_for(connection, key(deployment, 1), most_a_day=1)
        assert not store.ask_for(connection, key(deployment, 2), most_a_day=1)
        store.forget_unopened(connection, key(deployment, 1))
        assert store.ask_for(connection, key(deployment, 2), most_a_day=1)
        store.opened(connection, key(deployment, 2), "https://github.com/acme/worker/pull/1")
        store.forget_unopened(connection, key(deployment, 2))
        assert not store.ask_for(connection, key(deployment, 1), most_a_day=1)


def test_those_of_yesterday_take_no_place(database: TestDatabase) -> None:
    deployment = uuid4().hex[:8]
    with transaction(database.writer_url) as connection:
        assert store.ask_for(connection, key(deployment, 1), most_a_day=1)
        connection.execute("update repair_pulls set asked_at = asked_at - interval '1 day'")
        assert store.ask_for(connection, key(deployment, 2), most_a_day=1)


def test_a_no_stays_whatever_follows(database: TestDatabase) -> None:
    deployment = uuid4().hex[:8]
    with transaction(database.writer_url) as connection:
        store.rejected(connection, key(deployment, 1))
        store.forget_unopened(connection, key(deployment, 1))
        assert store.was_rejected(connection, key(deployment, 1))
        assert not store.was_rejected(connection, key(deployment, 2))
        assert store.ask_for(connection, key(deployment, 2), most_a_day=1)


def test_readers_write_nothing(database: TestDatabase) -> None:
    with pytest.raises(DatabaseError, match="only reads"), transaction(database.reader_url) as connection:
        store.rejected(connection, key("x", 1))
