"""A real PostgreSQL and a real local cloud for the services, without Airflow."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.protocol.terms.statuses import EngineChoice
from janitor.settings import Settings, load_settings
from janitor.stack.provision.foundation import ensure_foundation
from tests.support.deployment import ROOT, database
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.quick_cloud import QuickCloud

__all__ = ["database"]


@pytest.fixture(scope="package")
def secrets_file(quick_cloud: QuickCloud) -> Path:
    """What Secrets Manager holds, under whole names; nothing, unless a test writes it."""
    return quick_cloud.secrets_file


@pytest.fixture(scope="package")
def cloud(quick_cloud: QuickCloud) -> LocalCloudServer:
    """One local cloud whose instances boot at once."""
    return quick_cloud.server


@pytest.fixture(scope="package")
def services_settings(
    cloud: LocalCloudServer, database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings that point to both."""
    values = {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "JANITOR_DEPLOYMENT": "services-test",
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
        "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
        "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
        "JANITOR_BUCKET": "services-test",
        "JANITOR_ONLINE_TIMEOUT_SECONDS": "20",
    }
    # Its boxes have the embedded stack's engine, which settings of services elsewhere don't take.
    settings = load_settings("local", environ=values, project_root=ROOT).model_copy(
        update={"engine": EngineChoice.VENV}
    )
    ensure_foundation(settings)
    return settings


@pytest.fixture
def settings(services_settings: Settings) -> Settings:
    """The same services, as a deployment of its own: tests don't see each other's instances."""
    return services_settings.model_copy(update={"deployment": f"test-{uuid4().hex[:8]}"})
