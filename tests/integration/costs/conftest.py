"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from tests.support.deployment import database, environment, settings
from tests.support.postgres import TestDatabase

__all__ = ["database", "environment", "settings"]


@pytest.fixture
def owner(database: TestDatabase) -> Iterator[psycopg.Connection[DictRow]]:
    """A connection whose work is undone at the end; it may write history."""
    with psycopg.connect(
        database.owner_url, row_factory=dict_row, options="-c search_path=janitor,pg_catalog -c timezone=UTC"
    ) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., str]:
    """Writes a configuration of `repositories` workers, an hour each on a g5.xlarge, and returns its path."""

    def write(*lines: str, repositories: int = 2, entry: str = "") -> str:
        text = "".join(
            f"  - {{name: worker-{number}, organization: acme, prompt: go{entry}}}\n"
            for number in range(1, repositories + 1)
        )
        file = tmp_path / f"workers-{uuid4().hex[:6]}.yaml"
        limits = "".join(f"{line}\n" for line in lines)
        file.write_text(f"default_timeout_minutes: 56\ngrace_minutes: 2\n{limits}repositories:\n{text}")
        return str(file)

    return write
