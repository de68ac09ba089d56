"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

import pytest

from bench.fleet import DEPLOYMENT, Fleet, write_fleet
from tests.support.deployment import database, environment, settings
from tests.support.postgres import TestDatabase

__all__ = ["database", "environment", "settings"]


@pytest.fixture(scope="package")
def fleet(database: TestDatabase) -> str:
    """A deployment with two hundred repositories over sixty nights."""
    write_fleet(database.owner_url, Fleet(repositories=200, runs=60))
    return DEPLOYMENT
