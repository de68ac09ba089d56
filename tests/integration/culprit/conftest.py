"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

from tests.integration.reports.conftest import history, janitor
from tests.support.deployment import database, environment, settings

__all__ = ["database", "environment", "history", "janitor", "settings"]
