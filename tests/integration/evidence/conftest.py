"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from tests.support.deployment import database, environment, settings

__all__ = ["database", "environment", "settings"]
