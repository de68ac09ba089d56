"""A repository's health: of its own deployment, its last ten reports, and red since the first after its last green."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

BASE = datetime(2026, 1, 1, 3, tzinfo=timezone.utc)
OPTIONS = "-c search_path=janitor,pg_catalog -c timezone=UTC"
LETTERS = {"s": "success", "f": "failed", "e": "error", "t": "timed_out", "c": "cancelled"}


def live(database: TestDatabase, name: str, nights: str, deployment: str) -> None:
    """Let a repository end so, a letter for each night."""
    config = f"repositories: [{{name: {name}, organization: acme, prompt: p}}]"
    for night, letter in enumerate(nights):
        _, [validation] = insert_run(database.writer_url, config=config, deployment=deployment)
        with psycopg.connect(database.writer_url, options=OPTIONS) as connection:
            connection.execute(
                "update repository_validations set status = %s, commit_sha = 'a', finished_at = %s"
                " where validation_id = %s",
                (LETTERS[letter], BASE + timedelta(days=night), validation),
            )
            connection.execute(
                "insert into repository_standings (deployment, organization, repository_name) values (%s, 'acme', %s)"
                " on conflict do nothing",
                (deployment, name),
            )


def health(database: TestDatabase, name: str, deployment: str) -> dict[str, object] | None:
    """Its row."""
    with psycopg.connect(database.reader_url, row_factory=dict_row, options=OPTIONS) as reader:
        return reader.execute(
            "select validations, successes, flaky_rate::float, last_status, last_finished_at, not_successful_since"
            " from repository_health where repository_name = %s and deployment = %s",
            (name, deployment),
        ).fetchone()


@pytest.mark.parametrize(
    ("nights", "validations", "successes", "flaky_rate", "last", "red_since"),
    [
        ("s", 1, 1, None, "success", None),
        ("f", 1, 0, None, "failed", 0),
        ("sfcf", 3, 1, 0.5, "failed", 1),
        ("ssfs", 4, 3, 0.667, "success", None),
        ("sfet", 4, 1, 0.333, "timed_out", 1),
        # Of fifteen nights the last ten count, and the turn into the oldest of them.
        ("ffffs" + "sssssssssf", 10, 9, 0.1, "failed", 14),
        ("s" * 5 + "f" * 10, 10, 0, 0.1, "failed", 5),
        ("f" * 15, 10, 0, 0, "failed", 0),
        ("c", None, None, None, None, None),
    ],
)
def test_health_of_a_life(
    database: TestDatabase,
    nights: str,
    validations: int | None,
    successes: int,
    flaky_rate: float | None,
    last: str,
    red_since: int | None,
) -> None:
    name, deployment = f"life-{uuid4().hex[:8]}", f"d-{uuid4().hex[:8]}"
    live(database, name, nights, deployment)
    found = health(database, name, deployment)
    if validations is None:
        assert found is None
        return
    assert found == {
        "validations": validations,
        "successes": successes,
        "flaky_rate": flaky_rate,
        "last_status": last,
        "last_finished_at": BASE + timedelta(days=max(n for n, each in enumerate(nights) if each != "c")),
        "not_successful_since": None if red_since is None else BASE + timedelta(days=red_since),
    }


def test_two_deployments_in_one_database_don_t_mix(database: TestDatabase) -> None:
    name, one, other = (f"{kind}-{uuid4().hex[:8]}" for kind in ("both", "one", "other"))
    live(database, name, "sss", one)
    live(database, name, "ff", other)
    first, second = health(database, name, one), health(database, name, other)
    assert first is not None
    assert second is not None
    assert (first["validations"], first["last_status"], first["not_successful_since"]) == (3, "success", None)
    assert (second["validations"], second["last_status"], second["not_successful_since"]) == (2, "failed", BASE)
