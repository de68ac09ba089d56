"""A real PostgreSQL for tests: the embedded one, on a free port, with the roles of the product."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from janitor.stack.postgres.server import SUPERUSER, EmbeddedPostgres
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports, reserve
from janitor.stack.state.secrets import StackSecrets, ensure_secrets
from janitor.stack.state.stack_env import JANITOR_DATABASE, OWNER_ROLE, READER_ROLE, WRITER_ROLE, database_url
from tests.support.ports import free_ports

_READY_SECONDS = 180


@dataclass(frozen=True)
class TestDatabase:
    """URLs of one server, by role."""

    __test__ = False

    owner_url: str
    writer_url: str
    reader_url: str
    superuser_url: str


@contextmanager
def running_postgres(folder: Path) -> Iterator[TestDatabase]:
    """Start a server whose data lives in `folder`; it is stopped afterwards."""
    layout = Layout(folder)
    layout.create()
    secrets: StackSecrets = ensure_secrets(layout)
    server = EmbeddedPostgres(layout)
    with reserve(Ports(*free_ports(4)), {}) as ports:
        server.prepare(ports)
    process = subprocess.Popen(
        server.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert server.wait_ready(ports, secrets, time.monotonic() + _READY_SECONDS), "PostgreSQL did not start"
        server.ensure_databases(ports, secrets)

        def url(role: str, password: str) -> str:
            return database_url(role, password, JANITOR_DATABASE, ports)

        yield TestDatabase(
            owner_url=url(OWNER_ROLE, secrets.postgres_owner),
            writer_url=url(WRITER_ROLE, secrets.postgres_writer),
            reader_url=url(READER_ROLE, secrets.postgres_reader),
            superuser_url=database_url(SUPERUSER, secrets.postgres_superuser, "postgres", ports),
        )
    finally:
        process.send_signal(2)
        process.wait(120)
