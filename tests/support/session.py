"""What is made or fetched once for all processes of a session: above all the packages that tests install."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_by_processes(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder of the session by this name, the same in each process."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    folder.mkdir(exist_ok=True)
    return folder


def shared_packages(factory: pytest.TempPathFactory) -> Path:
    """Package caches; `uv` in it is where a box of a local cloud that is given it has uv's."""
    return shared_by_processes(factory, "packages")
