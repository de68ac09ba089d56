"""A real PostgreSQL and a real local cloud, and a deployment whose configuration has a pool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.pool.fleet import Fleet
from tests.integration.services.conftest import cloud, secrets_file, services_settings
from tests.support.deployment import database
from tests.support.localcloud_server import LocalCloudServer

__all__ = ["cloud", "database", "secrets_file", "services_settings"]


@pytest.fixture
def fleet(services_settings: Settings, cloud: LocalCloudServer, tmp_path: Path) -> Iterator[Fleet]:
    """A deployment of its own; what a test leaves is ended."""
    settings = services_settings.model_copy(
        update={"deployment": f"pool-{uuid4().hex[:8]}", "default_config": str(tmp_path / "workers.yaml")}
    )
    fleet = Fleet(settings, tmp_path / "workers.yaml")
    fleet.configure()
    yield fleet
    cloud.set_faults()
    with transaction(settings.writer_url) as connection:
        live = ledger.live_of_deployment(connection, settings.deployment)
    provider_of(settings).terminate([row.instance_id for row in live if row.instance_id])
