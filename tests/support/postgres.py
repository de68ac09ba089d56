"""A real PostgreSQL for tests: the embedded one, on a free port, with the roles of the product."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from janitor.stack.postgres.server import SUPERUSER, EmbeddedPostgres
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports, reserve
from janitor.stack.state.secrets import StackSecrets, ensure_secrets
from janitor.stack.state.stack_env import JANITOR_DATABASE, OWNER_ROLE, READER_ROLE, WRITER_ROLE, database_url
from janitor.stores.migrate import migrate
from tests.support.ports import free_ports
from tests.support.session import shared_by_processes

_READY_SECONDS = 180
_QUICK = """\
# Nothing of a test outlives its machine, and thousands of connections would each stretch a password that is random.
fsync = off
scram_iterations = 1
"""


@dataclass(frozen=True)
class TestDatabase:
    """URLs of one server, by role."""

    __test__ = False

    owner_url: str
    writer_url: str
    reader_url: str
    superuser_url: str


class RunningServer:
    """A server whose data lives in a folder; `start` it, and `stop` it at the end.

    Args:
        folder: Where it lives.
        is_copy: There it is already, with its roles and databases.
    """

    def __init__(self, folder: Path, *, is_copy: bool = False) -> None:
        self._has_databases = is_copy
        layout = Layout(folder)
        layout.create()
        self._secrets: StackSecrets = ensure_secrets(layout)
        self._server = EmbeddedPostgres(layout)
        with reserve(Ports(*free_ports(4)), {}) as self._ports:
            self._server.prepare(self._ports)
        with (layout.postgres / "postgresql.conf").open("a") as configuration:
            configuration.write(_QUICK)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> TestDatabase:
        """Its URLs."""

        def url(role: str, password: str) -> str:
            return database_url(role, password, JANITOR_DATABASE, self._ports)

        return TestDatabase(
            owner_url=url(OWNER_ROLE, self._secrets.postgres_owner),
            writer_url=url(WRITER_ROLE, self._secrets.postgres_writer),
            reader_url=url(READER_ROLE, self._secrets.postgres_reader),
            superuser_url=database_url(SUPERUSER, self._secrets.postgres_superuser, "postgres", self._ports),
        )

    def start(self) -> None:
        """Start it, after a stop on the same data and at the same port."""
        self._process = subprocess.Popen(
            self._server.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        is_ready = self._server.wait_ready(self._ports, self._secrets, time.monotonic() + _READY_SECONDS)
        assert is_ready, "PostgreSQL did not start"
        if not self._has_databases:
            self._server.ensure_databases(self._ports, self._secrets)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT in order, SIGQUIT at once, as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(120)


@contextmanager
def restartable_postgres(folder: Path) -> Iterator[RunningServer]:
    """Start a server that a test may stop and start again; it is stopped afterwards."""
    server = RunningServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def running_postgres(folder: Path) -> Iterator[TestDatabase]:
    """Start a server whose data lives in `folder`; it is stopped afterwards."""
    with restartable_postgres(folder) as server:
        yield server.database


@contextmanager
def migrated_postgres(factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """Start a server with the product's schema: a copy of one that is made once for all processes of a session."""
    original, folder = shared_by_processes(factory, "migrated"), factory.mktemp("postgres")
    with (original / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (original / "whole").exists():
            with running_postgres(original / "data") as database:
                migrate(database.owner_url)
            (original / "whole").touch()
    # With its owner, who is not this user where this one is root.
    subprocess.run(["cp", "--archive", f"{original / 'data'}/.", str(folder)], check=True)
    server = RunningServer(folder, is_copy=True)
    try:
        server.start()
        yield server.database
    finally:
        server.stop()
