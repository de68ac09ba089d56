"""The contract suite's cloud.

Tests use plain boto3 through the `cloud` fixture and hold for any runtime; those marked `local_only` use what only
the local cloud has (its guard, its faults, its processes).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from tests.support.cloud import Cloud, tags, unique
from tests.support.localcloud_server import LocalCloudServer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "local_only: uses what only the local cloud offers, never run against AWS")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    """One local cloud for the whole suite, quick to boot."""
    home = tmp_path_factory.mktemp("localcloud") / "home"
    with LocalCloudServer(
        home,
        boot_delay=0.2,
        agent_delay=0.1,
        environment={"AWS_SESSION_TOKEN": "must-not-reach-a-box", "SOME_SECRET": "must-not-reach-a-box"},
        cache_dir=home.parent / "cache",
    ) as running:
        yield running


@pytest.fixture(scope="package")
def clients(server: LocalCloudServer) -> Cloud:
    """Clients of the cloud under test: making them takes longer than most tests."""
    return Cloud.of(server)


@pytest.fixture
def cloud(clients: Cloud) -> Iterator[Cloud]:
    """The cloud under test."""
    used = dataclasses.replace(clients, launched=[])
    yield used
    used.terminate_launched()


@pytest.fixture(scope="package")
def machine(clients: Cloud) -> str:
    """An instance that is online all the time, for tests that leave it as it was; it ends with its cloud."""
    shared = dataclasses.replace(clients, launched=[])
    return shared.online(TagSpecifications=[tags("instance", Name="shared", Suite="localcloud")])


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A bucket of the test's own."""
    name = unique("bucket")
    cloud.s3.create_bucket(Bucket=name)
    return name
