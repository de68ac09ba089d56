"""A real PostgreSQL with the product's schema, and deployments with pools on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from janitor.cli.main import main
from janitor.services.provider import provider_of
from janitor.settings import Settings, load_settings
from janitor.stack.provision.foundation import ensure_foundation
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.pool_control.pools import Pools
from tests.integration.services.conftest import cloud, secrets_file
from tests.support.deployment import ROOT, database
from tests.support.deployment import environment as bare_environment
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase

__all__ = ["bare_environment", "cloud", "database", "secrets_file"]

CONFIG = """
pools:
  - {name: default, instance_types: [g5.xlarge], max: 2, idle_timeout_minutes: 5, drain_timeout_minutes: 7}
  - {name: large, instance_types: [g5.2xlarge], min: 0, max: 1}
repositories:
  - {name: worker-a, organization: acme, prompt: look at it, pool: default}
  - {name: worker-b, organization: acme, prompt: look at it, pool: default}
"""

Janitor = Callable[..., tuple[int, Any]]


@pytest.fixture
def environment(bare_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Variables of a deployment with two pools."""
    config = tmp_path / "workers.yaml"
    config.write_text(CONFIG)
    return bare_environment | {"JANITOR_DEFAULT_CONFIG": str(config)}


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """That deployment's settings."""
    return load_settings("local", environ=environment, project_root=ROOT)


@pytest.fixture
def pools(settings: Settings, database: TestDatabase) -> Pools:
    """Writes workers and tasks into it."""
    return Pools(settings, database)


@pytest.fixture
def janitor(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Janitor:
    """The command in this process: its exit code, and what it printed, read as JSON where that was asked for."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, Any]:
        code = main(list(words))
        out, err = capsys.readouterr()
        if "--json" in words:
            return code, json.loads(out)
        return code, out + err

    return run


@pytest.fixture
def clouded(
    environment: dict[str, str], cloud: LocalCloudServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """The deployment with a cloud of its own, also for the command; what a test leaves there is ended."""
    environment |= {
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
        "JANITOR_ONLINE_TIMEOUT_SECONDS": "20",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings("local", environ=environment, project_root=ROOT)
    ensure_foundation(settings)
    yield settings
    cloud.set_faults()
    with transaction(settings.writer_url) as connection:
        live = ledger.live_of_deployment(connection, settings.deployment)
    provider_of(settings).terminate([row.instance_id for row in live if row.instance_id])
