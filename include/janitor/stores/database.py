"""Connections to Postgres.

Invariant: a transaction spans statements only, never a call to AWS, git or Airflow. `transaction` is the one way to
open one, and it sets a statement timeout so that a lock held by somebody else can't stop a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from janitor.domain.errors import DatabaseError
from janitor.domain.watch.waits import waiting

CONNECT_TIMEOUT = timedelta(seconds=10)
STATEMENT_TIMEOUT = timedelta(seconds=30)
DEAD_HOST: Mapping[str, Any] = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A host that died without a word, as in a failover, is found out within half a minute, not after the kernel's two
hours. Source: PostgreSQL documentation, libpq, "Parameter Key Words"; the last one in milliseconds, on Linux alone."""

Connection = psycopg.Connection[DictRow]


@contextmanager
def transaction(
    database_url: str, *, application_name: str = "janitor", within: timedelta | None = None
) -> Iterator[Connection]:
    """Open a connection, run one transaction on it, close it.

    Args:
        database_url: ``postgresql://…`` URL.
        application_name: Shown in ``pg_stat_activity``.
        within: How long to connect, and each statement, may take. Default: `CONNECT_TIMEOUT`, `STATEMENT_TIMEOUT`.

    Raises:
        DatabaseError: The server can't be reached, or a statement failed; the cause is chained.
    """
    milliseconds = int((within or STATEMENT_TIMEOUT).total_seconds() * 1000)
    try:
        with (
            open_connection(
                database_url,
                application_name=application_name,
                within=within or CONNECT_TIMEOUT,
                row_factory=dict_row,
                options=f"-c search_path=janitor,pg_catalog -c statement_timeout={milliseconds} -c timezone=UTC",
            ) as connection,
            waiting(f"waiting for an answer of Postgres at {place_of(database_url)}", STATEMENT_TIMEOUT),
        ):
            yield connection
    except psycopg.OperationalError as exc:
        raise unusable(exc) from exc
    except psycopg.errors.UndefinedTable as exc:
        raise DatabaseError(f"the database has no Janitor tables ({_first_line(exc)}); run `make db-migrate`") from exc
    except psycopg.errors.ReadOnlySqlTransaction as exc:
        raise DatabaseError(f"Postgres only reads ({_first_line(exc)}); is its address that of a replica?") from exc
    except psycopg.errors.InsufficientPrivilege as exc:
        raise DatabaseError(
            f"the role may not do this ({_first_line(exc)}); is it a member of janitor_write? Or run `make db-migrate`"
        ) from exc
    except psycopg.IntegrityError:
        raise  # an invariant that a caller may know of
    except psycopg.Error as exc:
        raise DatabaseError(f"Postgres refused a statement ({_first_line(exc)}); try `make db-migrate`") from exc


def open_connection(
    database_url: str, *, application_name: str, within: timedelta = CONNECT_TIMEOUT, **options: Any
) -> psycopg.Connection[Any]:
    """Connect: the one place of the product that does, so that every connection has a timeout and a word.

    Args:
        database_url: ``postgresql://…`` URL.
        application_name: Shown in ``pg_stat_activity``.
        within: How long it may take; libpq takes two seconds for less.
        options: Further arguments of `psycopg.connect`.

    Raises:
        DatabaseError: The server can't be reached, or has no connection left.
    """
    try:
        with waiting(f"waiting for Postgres at {place_of(database_url)}", within):
            return psycopg.connect(
                database_url,
                connect_timeout=int(within.total_seconds()),
                application_name=application_name,
                **DEAD_HOST,
                **options,
            )
    except psycopg.OperationalError as exc:
        raise unusable(exc) from exc


@contextmanager
def name_lock(database_url: str, name: str, *, application_name: str) -> Iterator[bool]:
    """Hold a name, if nobody else does; yields whether it was free.

    A session's lock, not a transaction's: nothing is locked but the name, and it is free again when the process dies.

    Raises:
        DatabaseError: The server can't be reached.
    """
    with open_connection(database_url, application_name=application_name, autocommit=True) as connection:
        row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
        taken = bool(row and row[0])
        try:
            yield taken
        finally:
            if taken:
                # The server notices a closed connection a little later: the next one must not find it held.
                with suppress(psycopg.Error):
                    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


NO_CONNECTION_LEFT = "Postgres has no connection left for this role"
_SAID_WHEN_FULL = (
    "too many clients already",
    "remaining connection slots are reserved",
    "too many connections for",
)
"""Source: PostgreSQL, src/backend (proc.c, postinit.c); libpq gives a refused connection no SQLSTATE."""
_DISK_FULL = ("No space left on device",)


def unusable(exc: psycopg.OperationalError) -> DatabaseError:
    """What a server that can't be used is short of, in words with the next step."""
    said = _first_line(exc)
    if isinstance(exc, psycopg.errors.TooManyConnections) or any(each in str(exc) for each in _SAID_WHEN_FULL):
        return DatabaseError(
            f'{NO_CONNECTION_LEFT} ({said}); `make status` says who holds them, see runbook "No connection left"'
        )
    if isinstance(exc, psycopg.errors.DiskFull) or any(each in str(exc) for each in _DISK_FULL):
        return DatabaseError(f"Postgres's disk is full ({said}); free some space there, then run this again")
    return DatabaseError(f"Postgres can't be used: {said}; is the stack up? Try `make status`")


def place_of(database_url: str) -> str:
    """`host:port` of a URL, without its password."""
    try:
        parts = conninfo_to_dict(database_url)
    except psycopg.Error:
        return "an address that can't be read"
    return f"{parts.get('host') or 'its socket'}:{parts.get('port') or 5432}"


def _first_line(exc: BaseException) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0] if lines else type(exc).__name__


def one(row: Any | None, *, what: str) -> Any:
    """Return `row`, or say which record is missing.

    Raises:
        DatabaseError: `row` is None.
    """
    if row is None:
        raise DatabaseError(f"{what} is not in the database; was its run planned on this deployment?")
    return row
