"""A real PostgreSQL with the product's schema, and deployments that use it; no cloud and no Airflow."""

from __future__ import annotations

from typing import Any

import pytest

from janitor.cli.main import main
from janitor.settings import Settings
from tests.support.deployment import database, environment, settings
from tests.support.reports import History

__all__ = ["database", "environment", "settings"]


@pytest.fixture
def janitor(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this deployment; returns its exit code and what it printed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def history(settings: Settings) -> History:
    """An empty one."""
    return History(settings)
