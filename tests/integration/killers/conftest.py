"""A real PostgreSQL and a real local cloud with the killers outside Airflow, and no Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from janitor.settings import Settings, load_settings
from janitor.stack.provision.foundation import ensure_foundation
from tests.support.killers import Fleet, fleet_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.own_stack import as_own_stack
from tests.support.postgres import migrated_postgres

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="package")
def killers_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    with LocalCloudServer(tmp_path_factory.mktemp("cloud") / "home", boot_delay=0.1, agent_delay=0.1) as server:
        yield server


@pytest.fixture(scope="package")
def killers_settings(killers_cloud: LocalCloudServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of an embedded stack, so that its killers are made as `make up` makes them."""
    with migrated_postgres(tmp_path_factory) as database:
        state_dir = tmp_path_factory.mktemp("state")
        values = {
            "PATH": os.environ["PATH"],
            "JANITOR_STATE_DIR": str(state_dir),
            "JANITOR_DATABASE_URL": database.writer_url,
            "JANITOR_READER_DATABASE_URL": database.reader_url,
            "JANITOR_AWS_ENDPOINT_URL": killers_cloud.endpoint_url,
            "JANITOR_AWS_ACCESS_KEY_ID": killers_cloud.access_key_id,
            "JANITOR_AWS_SECRET_ACCESS_KEY": killers_cloud.secret_access_key,
            "JANITOR_BUCKET": "killers-test",
            "JANITOR_REAP_INTERVAL_SECONDS": "10",
            "JANITOR_CONSISTENCY_SECONDS": "1",
            # Each fleet makes its own.
            "JANITOR_SCHEDULE_GROUP": "unused",
            "JANITOR_REAPER_FUNCTION": "unused",
        }
        values = as_own_stack(state_dir, values, "killers-test")
        settings = load_settings("local", environ=values, project_root=ROOT)
        ensure_foundation(settings.model_copy(update={"schedule_group": None, "reaper_function": None}))
        yield settings


@pytest.fixture
def fleet(killers_settings: Settings) -> Iterator[Fleet]:
    """A deployment of its own; its instances and killers go after the test."""
    made = fleet_of(killers_settings)
    yield made
    made.remove()
