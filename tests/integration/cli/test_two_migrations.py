"""Two `janitor db-migrate` at once, with something pending: one waits and says so, both end well."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from time import sleep

import psycopg

from janitor.stores.migrate import _LOCK_KEY, available_migrations
from tests.integration.cli.hanging import Told, environment_of, run_janitor
from tests.support.postgres import running_postgres

LIMIT_SECONDS = 240
WAIT_SECONDS = 25


def test_two_at_once_with_something_pending(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres") as fresh:
        environment = environment_of(tmp_path / "state", 9, JANITOR_OWNER_DATABASE_URL=fresh.owner_url)
        told: list[Told] = []

        def one() -> None:
            told.append(run_janitor(["db-migrate"], environment, limit=LIMIT_SECONDS))

        both = [Thread(target=one) for _ in range(2)]
        with psycopg.connect(fresh.owner_url, autocommit=True) as third:
            third.execute("select pg_advisory_lock(%s)", (_LOCK_KEY,))
            for each in both:
                each.start()
            sleep(WAIT_SECONDS)
        for each in both:
            each.join(LIMIT_SECONDS)
    assert [each.exit_code for each in told] == [0, 0], told
    for each in told:
        assert "waiting for another migration of this database to end, since " in each.err
    applied = [line for each in told for line in each.out.splitlines() if line.startswith("applied ")]
    assert sorted(applied) == [f"applied {migration.name}" for migration in available_migrations()]
