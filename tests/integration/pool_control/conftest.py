"""A real PostgreSQL with the product's schema, and deployments with pools on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from janitor.cli.main import main
from janitor.settings import Settings, load_settings
from tests.integration.pool_control.pools import Pools
from tests.support.deployment import ROOT, database
from tests.support.deployment import environment as bare_environment
from tests.support.postgres import TestDatabase

__all__ = ["bare_environment", "database"]

CONFIG = """
pools:
  - {name: default, max: 2, idle_timeout_minutes: 5, drain_timeout_minutes: 7}
  - {name: large, instance_types: [g5.2xlarge], min: 0, max: 1}
repositories:
  - {name: worker-a, organization: acme, prompt: look at it, pool: default}
  - {name: worker-b, organization: acme, prompt: look at it, pool: default}
"""

Janitor = Callable[..., tuple[int, Any]]


@pytest.fixture
def environment(bare_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Variables of a deployment with two pools."""
    config = tmp_path / "workers.yaml"
    config.write_text(CONFIG)
    return bare_environment | {"JANITOR_DEFAULT_CONFIG": str(config)}


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """That deployment's settings."""
    return load_settings("local", environ=environment, project_root=ROOT)


@pytest.fixture
def pools(settings: Settings, database: TestDatabase) -> Pools:
    """Writes workers and tasks into it."""
    return Pools(settings, database)


@pytest.fixture
def janitor(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Janitor:
    """The command in this process: its exit code, and what it printed, read as JSON where that was asked for."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, Any]:
        code = main(list(words))
        out, err = capsys.readouterr()
        if "--json" in words:
            return code, json.loads(out)
        return code, out + err

    return run
