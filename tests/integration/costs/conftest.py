"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.settings import Settings, load_settings
from janitor.stores.migrate import migrate
from tests.support.postgres import TestDatabase, running_postgres

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """A server with the product's schema."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        migrate(running.owner_url)
        yield running


@pytest.fixture
def environment(database: TestDatabase, tmp_path: Path) -> dict[str, str]:
    """Variables of a deployment of its own: tests don't see each other's money."""
    return {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_STATE_DIR": str(tmp_path / "state"),
        "JANITOR_DEPLOYMENT": f"test-{uuid4().hex[:8]}",
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_BUCKET": "costs-test",
        "JANITOR_REAP_INTERVAL_SECONDS": "120",
        "JANITOR_REGION": "us-east-1",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """That deployment's settings."""
    return load_settings("local", environ=environment, project_root=ROOT)


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
