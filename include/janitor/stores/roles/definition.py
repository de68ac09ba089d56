"""What a role of a deployment is, whoever makes it: the local stack, compose's `init`, `janitor db-roles`.

A password is sent as its SCRAM verifier, made here, so that neither the server nor its log ever has it in plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

import psycopg
from psycopg import sql

from janitor.domain.errors import DatabaseError

_AIRFLOW_IDLE_IN_TRANSACTION = timedelta(seconds=30)
"""A killed scheduler's transaction lives on while a worker that it forked is at work and holds the socket; its locks
would keep the next scheduler from that DAG run."""


class RoleGroup(str, Enum):
    """The groups that hold the rights; migrations grant them."""

    WRITERS = "janitor_write"
    READERS = "janitor_read"
    WORKERS = "janitor_worker"
    """Who may claim tasks of a pool by its functions, and see nothing."""


class RoleKind(str, Enum):
    """What a role that logs in is for."""

    AIRFLOW = "airflow"
    """Owns Airflow's database."""
    OWNER = "owner"
    """Owns Janitor's database: it migrates."""
    WRITER = "writer"
    READER = "reader"
    WORKER = "worker"
    """A pool's worker on a host that is trusted with the database; not every deployment has some."""

    @property
    def group(self) -> RoleGroup | None:
        """The group whose rights it has; None for a database's owner."""
        return _GROUPS.get(self)

    @classmethod
    def of(cls, group: RoleGroup) -> RoleKind:
        """The kind that is a group's member."""
        return next(kind for kind, its_group in _GROUPS.items() if its_group is group)


_GROUPS: Mapping[RoleKind, RoleGroup] = {
    RoleKind.WRITER: RoleGroup.WRITERS,
    RoleKind.READER: RoleGroup.READERS,
    RoleKind.WORKER: RoleGroup.WORKERS,
}
_SESSIONS: Mapping[RoleKind, Mapping[str, str]] = {
    RoleKind.AIRFLOW: {
        "idle_in_transaction_session_timeout": f"{_AIRFLOW_IDLE_IN_TRANSACTION.total_seconds():.0f}s",
    },
    RoleKind.READER: {"default_transaction_read_only": "on"},
}
"""What each of a kind's sessions begins with."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A role with its password, and the database that it works with."""

    kind: RoleKind
    name: str
    password: str = field(repr=False)
    database: str


def ensure_group(connection: psycopg.Connection[Any], group: RoleGroup) -> None:
    """Make a group that is missing."""
    if not is_there(connection, group.value):
        _execute(connection, "create role {}", sql.Identifier(group.value))


def ensure_login(connection: psycopg.Connection[Any], login: Login) -> bool:
    """Make a role that is missing, and set its password, its group and what its sessions begin with.

    Returns:
        Whether it was missing.

    Raises:
        DatabaseError: Its group isn't there.
        psycopg.Error: The server refused.
    """
    name, group = sql.Identifier(login.name), login.kind.group
    if group is not None and not is_there(connection, group.value):
        raise DatabaseError(f"the group {group.value} isn't there; run `make db-migrate` first")
    verifier = connection.pgconn.encrypt_password(login.password.encode(), login.name.encode(), b"scram-sha-256")
    is_new = not is_there(connection, login.name)
    verb = sql.SQL("create role" if is_new else "alter role")
    _execute(connection, "{} {} login password {}", verb, name, sql.Literal(verifier.decode()))
    for setting, value in _SESSIONS.get(login.kind, {}).items():
        _execute(connection, "alter role {} set {} = {}", name, sql.Identifier(setting), sql.Literal(value))
    if group is not None:
        _execute(connection, "grant {} to {}", sql.Identifier(group.value), name)
    return is_new


def ensure_database(connection: psycopg.Connection[Any], owner: Login, users: tuple[str, ...] = ()) -> None:
    """Make a database that is missing; its owner and `users` alone may connect to it."""
    database = sql.Identifier(owner.database)
    if connection.execute("select from pg_database where datname = %s", (owner.database,)).fetchone() is None:
        _execute(connection, "create database {} owner {}", database, sql.Identifier(owner.name))
    _execute(connection, "revoke connect on database {} from public", database)
    for user in users:
        let_in(connection, owner.database, user)


def let_in(connection: psycopg.Connection[Any], database: str, user: str) -> None:
    """Let a role connect to a database."""
    _execute(connection, "grant connect on database {} to {}", sql.Identifier(database), sql.Identifier(user))


def is_there(connection: psycopg.Connection[Any], role: str) -> bool:
    """Whether there is such a role."""
    return connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is not None


def _execute(connection: psycopg.Connection[Any], statement: str, *parts: sql.Composable) -> None:
    connection.execute(sql.SQL(statement).format(*parts))
