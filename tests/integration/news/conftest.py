"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

import pytest

from janitor.settings import Settings
from tests.support.deployment import database, environment, settings
from tests.support.news import Fleet

__all__ = ["database", "environment", "settings"]


@pytest.fixture
def fleet(settings: Settings) -> Fleet:
    """One of which a file is told everything."""
    return Fleet(settings)
