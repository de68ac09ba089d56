"""A database, and a deployment of its own for each test."""

from tests.support.deployment import database, environment, settings

__all__ = ["database", "environment", "settings"]
