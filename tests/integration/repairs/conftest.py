"""A database, a cloud with a bucket and a token, and a GitHub of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from janitor.settings import Settings, load_settings
from janitor.stores.database import transaction
from tests.integration.validator.conftest import make_repository, make_worker, package_cache
from tests.support.deployment import ROOT, database, environment
from tests.support.git_origins import Origin
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.pull_server import TOKEN, PullServer, serving_pulls

AGENT_KEY = "sk-key-that-nobody-may-see-0123456789abcdef"
__all__ = ["database", "environment", "make_repository", "make_worker", "package_cache"]


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    """A local cloud that has the token."""
    folder = tmp_path_factory.mktemp("cloud")
    file = folder / "secrets.env"
    file.write_text(f"news/github = {TOKEN}\nmodels/agent-key = {AGENT_KEY}\n")
    file.chmod(0o600)
    options: dict[str, Any] = {
        "secrets_file": file,
        "secrets_prefix": "janitor/x/",
        "channels_prefix": "janitor-news/x/",
    }
    with LocalCloudServer(folder / "home", **options) as running:
        running.client("s3").create_bucket(Bucket="repairs")
        yield running


@pytest.fixture
def github(tmp_path: Path) -> Iterator[PullServer]:
    """A GitHub without repositories."""
    with serving_pulls(tmp_path / "github") as running:
        yield running


@pytest.fixture
def variables(environment: dict[str, str], cloud: LocalCloudServer, github: PullServer) -> dict[str, str]:
    """Of a deployment that may open pull requests."""
    return environment | {
        "JANITOR_DEPLOYMENT": "x",
        "JANITOR_BUCKET": "repairs",
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
        "JANITOR_REPAIR_TOKEN_SECRET": "github",
        "JANITOR_REPAIR_API_URL": github.url,
    }


@pytest.fixture
def settings(variables: dict[str, str]) -> Settings:
    """That deployment's settings."""
    return load_settings("local", environ=variables, project_root=ROOT)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """Where the repository comes from."""
    made = Origin(tmp_path / "origin")
    made.commit({"requirements.txt": "numpy>=1\ntorch\n", "handler.py": "print('one')\n"})
    return made


@pytest.fixture(autouse=True)
def _a_new_day(database: TestDatabase) -> None:
    """The deployment is the same for all tests, as its secrets are."""
    with transaction(database.writer_url) as connection:
        connection.execute("delete from repair_pulls")
