"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from janitor.cli.main import main
from janitor.settings import Settings, load_settings
from janitor.stores.migrate import migrate
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.reports import History

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """A server with the product's schema."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        migrate(running.owner_url)
        yield running


@pytest.fixture
def environment(database: TestDatabase, tmp_path: Path) -> dict[str, str]:
    """Variables of a deployment of its own: tests don't see each other's runs."""
    return {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_STATE_DIR": str(tmp_path / "state"),
        "JANITOR_DEPLOYMENT": f"test-{uuid4().hex[:8]}",
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_BUCKET": "reports-test",
        "JANITOR_REGION": "us-east-1",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """That deployment's settings."""
    return load_settings("local", environ=environment, project_root=ROOT)


@pytest.fixture
def janitor(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this deployment; returns its exit code and what it printed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def history(settings: Settings) -> History:
    """An empty one."""
    return History(settings)
