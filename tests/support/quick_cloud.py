"""A local cloud whose instances boot at once, for all tests of a process that keep to a deployment of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.localcloud_server import LocalCloudServer
from tests.support.session import shared_packages


@dataclass(frozen=True)
class QuickCloud:
    """The cloud, and what its owner has for it."""

    server: LocalCloudServer
    secrets_file: Path


@contextmanager
def running_quick_cloud(factory: pytest.TempPathFactory) -> Iterator[QuickCloud]:
    """Start it; it ends afterwards."""
    secrets_file = factory.mktemp("owner") / "secrets.env"
    server = LocalCloudServer(
        factory.mktemp("cloud") / "home",
        boot_delay=0.1,
        agent_delay=0.1,
        cache_dir=shared_packages(factory),
        secrets_file=secrets_file,
    )
    with server:
        yield QuickCloud(server, secrets_file)
