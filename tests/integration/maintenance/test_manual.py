"""Each query of the manual runs as it is printed: those for Postgres, and those for the SQLite file."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest

from janitor.domain.repair.shard import Shard
from janitor.domain.repair.states import ShardStatus
from janitor.services.maintenance.sqlite_export import sqlite_of
from janitor.services.maintenance.work_shard import work_shard
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores.database import transaction
from tests.support.maintenance import Broken, broken_run, discovered_and_claimed, small_workshop
from tests.support.postgres import TestDatabase

ROOT = Path(__file__).resolve().parents[3]
MANUAL = (ROOT / "docs" / "maintenance.md").read_text(encoding="utf-8")
ORIGINAL = ROOT.parent / "shared" / "requirements" / "runbook.md"
"""The document that the file's queries come from, where it lies beside the checkout."""
SQL = re.findall(r"```sql\n(.*?)```", MANUAL, re.DOTALL)
FOR_SQLITE = re.compile(r'sqlite3 shard_status\.db "(.*?)"\s*$', re.DOTALL | re.MULTILINE)


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """A file of four shards: one that ended, one that failed, one at work for two hours, one that waits."""
    names = ("ended", "failed", "old", "waits")
    broken_run(settings, tmp_path / "origins", *(Broken(name=each, reason=f"KeyError: '{each}'") for each in names))
    _, shards = discovered_and_claimed(settings, "night")
    by_name = {shard.repository.removeprefix("acme/"): shard for shard in shards}
    work_shard(small_workshop(settings, tmp_path / "shop"), by_name["ended"].shard_id)
    with transaction(settings.writer_url) as connection:
        store.give_up(connection, settings.deployment, by_name["failed"], why="its process is over")
        found = store.last(connection, settings.deployment, 10)
    old = datetime.now(timezone.utc) - timedelta(hours=2)
    rows = [_at_work(shard, old) if shard.repository == "acme/old" else shard for shard in found]
    path = tmp_path / "shard_status.db"
    path.write_bytes(sqlite_of(rows))
    return path


def _at_work(shard: Shard, since: datetime) -> Shard:
    return replace(shard, status=ShardStatus.RUNNING, started_at=since)


def asked(document: str) -> list[str]:
    """The queries for the file that a document prints."""
    return FOR_SQLITE.findall(document)


def test_every_query_of_the_manual_runs_in_postgres(settings: Settings, database: TestDatabase, file: Path) -> None:
    assert len(SQL) >= 10
    for query in SQL:
        url = database.owner_url if query.startswith("delete") else settings.reader_url
        with psycopg.connect(url) as connection:
            cursor = connection.execute(query.encode())
            if not query.startswith("delete"):
                cursor.fetchall()


def test_the_queries_say_what_they_are_for(settings: Settings, file: Path) -> None:
    with psycopg.connect(settings.reader_url) as connection:
        failed = next(query for query in SQL if "error_message, updated_at from" in query)
        assert any("failed" in str(row) for row in connection.execute(failed.encode()).fetchall())
        share = next(query for query in SQL if "as percent" in query)
        row = connection.execute(share.encode()).fetchone()
        assert row is not None
        assert row[0] >= 1


def test_every_query_for_the_file_runs_as_it_is_printed(file: Path) -> None:
    documents = [MANUAL, *([ORIGINAL.read_text(encoding="utf-8")] if ORIGINAL.is_file() else [])]
    for document in documents:
        queries = asked(document)
        assert len(queries) >= 6, "none would prove nothing"
        for query in queries:
            with sqlite3.connect(file) as connection:
                assert connection.execute(query).fetchall(), query
            if shutil.which("sqlite3"):
                line = f'sqlite3 shard_status.db "{query}"'
                answer = subprocess.run(
                    ["bash", "-c", line], cwd=file.parent, capture_output=True, text=True, timeout=60, check=False
                )
                assert (answer.returncode, answer.stderr) == (0, ""), line
                assert answer.stdout, line


def test_the_file_says_what_the_rows_say(file: Path) -> None:
    by_query = dict(zip(("all", "running", "failed", "counts", "stale"), asked(MANUAL), strict=False))
    with sqlite3.connect(file) as connection:
        assert len(connection.execute(by_query["all"]).fetchall()) == 4
        [(shard_id, _, _)] = connection.execute(by_query["stale"]).fetchall()
        assert "acme/old" in shard_id
        assert connection.execute(by_query["failed"]).fetchall()[0][1] == "its process is over"
        counts = {status: minutes for status, _, minutes in connection.execute(by_query["counts"]).fetchall()}
        assert set(counts) == {"completed", "failed", "running", "pending"}
        assert 0 <= counts["completed"] < 60
