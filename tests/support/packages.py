"""The packages that tests install: fetched once, for all processes of a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_packages(factory: pytest.TempPathFactory) -> Path:
    """A folder of package caches; `uv` in it is where a box of a local cloud that is given it has uv's."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "packages"
    folder.mkdir(exist_ok=True)
    return folder
