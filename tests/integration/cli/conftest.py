"""A real PostgreSQL for the commands of this folder."""

from tests.support.deployment import database, environment, settings

__all__ = ["database", "environment", "settings"]
