"""One migrated database for the tests of this folder; every test works on ids of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import TestDatabase, migrated_postgres


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """A server with the product's schema."""
    with migrated_postgres(tmp_path_factory) as running:
        yield running
