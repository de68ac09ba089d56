"""The shards as a SQLite file, for whoever reads such files: each query of the runbook runs on it as it is printed.

Its times are UTC without a zone, as SQLite's `datetime('now')` is.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from janitor.domain.repair.shard import Shard

SCHEMA = """\
CREATE TABLE shard_status (
    shard_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    error_message TEXT,
    worker_id TEXT,
    run_id TEXT,
    repository TEXT,
    signature TEXT,
    attempt INTEGER,
    outcome TEXT,
    cost_usd REAL,
    artefact_prefix TEXT
);
"""
_INSERT = "INSERT INTO shard_status VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def sqlite_of(shards: Iterable[Shard]) -> bytes:
    """The content of a SQLite file with these shards."""
    rows = [
        (
            shard.shard_id,
            shard.status.value,
            _instant(shard.started_at),
            _instant(shard.completed_at),
            _instant(shard.updated_at),
            shard.error_message,
            shard.worker_id,
            shard.run_id,
            shard.repository,
            shard.signature,
            shard.attempt,
            shard.outcome,
            None if shard.cost_usd is None else float(shard.cost_usd),
            shard.artefact_prefix,
        )
        for shard in shards
    ]
    with tempfile.TemporaryDirectory(prefix="janitor-") as folder:
        path = Path(folder) / "shards.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCHEMA)
            connection.executemany(_INSERT, rows)
            connection.commit()
        return path.read_bytes()


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
