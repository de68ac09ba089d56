"""One migrated database for the tests of this folder; every test works on ids of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from janitor.stores.migrate import migrate
from tests.support.postgres import TestDatabase, running_postgres


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """A server with the product's schema."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        migrate(running.owner_url)
        yield running
