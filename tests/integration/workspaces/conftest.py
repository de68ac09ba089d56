"""A database, and a place for mirrors and runs of its own for each test."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from janitor.services.workspaces.manager import WorkspaceManager
from tests.support.deployment import database, environment
from tests.support.git_origins import Origin
from tests.support.postgres import TestDatabase
from tests.support.workspace_holder import Place

__all__ = ["database", "environment"]


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """A repository with two commits."""
    made = Origin(tmp_path / "origin")
    made.commit({"handler.py": "print('one')\n", "docs/a.txt": "a\n"})
    made.commit({"handler.py": "print('two')\n"})
    return made


@pytest.fixture
def place(database: TestDatabase, tmp_path: Path) -> Place:
    """A deployment of its own."""
    return Place(
        database_url=database.writer_url,
        deployment=f"test-{uuid4().hex[:8]}",
        mirrors=str(tmp_path / "state" / "mirrors"),
        runs=str(tmp_path / "state" / "runs"),
        search_path=os.environ["PATH"],
    )


@pytest.fixture
def manager(place: Place) -> WorkspaceManager:
    """This process as a holder."""
    return place.manager()
