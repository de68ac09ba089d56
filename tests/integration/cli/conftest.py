"""A real PostgreSQL and a real local cloud for the commands of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.deployment import database, environment, settings
from tests.support.localcloud_server import LocalCloudServer

__all__ = ["cloud", "database", "environment", "settings"]


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    """Started for whoever asks for it first."""
    with LocalCloudServer(tmp_path_factory.mktemp("cloud") / "home") as running:
        yield running
