"""Workers that fail, and what repairs them; a local cloud and a PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from janitor.services.experiments.here import LocalLaboratory
from tests.integration.services.conftest import cloud, database, secrets_file, services_settings, settings
from tests.integration.validator.conftest import make_repository, make_worker, package_cache

__all__ = [
    "cloud",
    "database",
    "make_repository",
    "make_worker",
    "package_cache",
    "secrets_file",
    "services_settings",
    "settings",
]


@pytest.fixture
def laboratory(tmp_path: Path, package_cache: Path) -> LocalLaboratory:
    """This machine, with packages that are downloaded once per session."""
    environment = {**os.environ, "UV_CACHE_DIR": str(package_cache)}
    return LocalLaboratory(tmp_path / "laboratory", environment=environment)
