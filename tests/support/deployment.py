"""Fixtures of a deployment that has a database alone: import them into a folder's conftest.py by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.settings import Settings, load_settings
from tests.support.postgres import TestDatabase, migrated_postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """A real PostgreSQL with the product's schema."""
    with migrated_postgres(tmp_path_factory) as running:
        yield running


@pytest.fixture
def environment(database: TestDatabase, tmp_path: Path) -> dict[str, str]:
    """Variables of a deployment of its own: tests don't see each other's runs and money."""
    return {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(tmp_path / "state"),
        "JANITOR_DEPLOYMENT": f"test-{uuid4().hex[:8]}",
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_BUCKET": "test",
        "JANITOR_REGION": "us-east-1",
        "JANITOR_REAP_INTERVAL_SECONDS": "120",  # a part of every worst case
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """That deployment's settings."""
    return load_settings("local", environ=environment, project_root=ROOT)
