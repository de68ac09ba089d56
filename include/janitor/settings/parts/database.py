"""Where Janitor's database is, for each of its roles."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr

from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Variable


class DatabaseSettings(DeploymentSettings):
    """One URL for each role."""

    database_url: Annotated[SecretStr | None, Variable("JANITOR_DATABASE_URL")] = None
    """Role that writes; see `writer_url`."""
    reader_database_url: Annotated[SecretStr | None, Variable("JANITOR_READER_DATABASE_URL")] = None
    """Role that only reads; see `reader_url`."""
    owner_database_url: Annotated[SecretStr | None, Variable("JANITOR_OWNER_DATABASE_URL")] = None
    """Role that migrates; see `owner_url`."""
    worker_database_url: Annotated[SecretStr | None, Variable("JANITOR_WORKER_DATABASE_URL")] = None
    """Role of workers of a pool that claim for themselves, on hosts of your own; it may call five functions."""

    @property
    def writer_url(self) -> str:
        """Database URL of the role that writes. Raises SettingsError when there is none."""
        return self._secret("database_url")

    @property
    def reader_url(self) -> str:
        """Database URL of the role that only reads. Raises SettingsError when there is none."""
        return self._secret("reader_database_url")

    @property
    def owner_url(self) -> str:
        """Database URL of the role that migrates. Raises SettingsError when there is none."""
        return self._secret("owner_database_url")

    @property
    def worker_url(self) -> str:
        """Database URL of the role of workers that claim for themselves. Raises SettingsError when there is none."""
        return self._secret("worker_database_url")
