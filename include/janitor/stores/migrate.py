"""Numbered migrations: `migrations/NNNN_subject.sql`, one transaction each, safe to run twice and at once.

The text of an applied migration may not change: its hash is kept and compared.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources

import psycopg

from janitor.domain.errors import DatabaseError
from janitor.domain.watch.waits import waiting
from janitor.stores.database import open_connection, unusable

_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_TURN_TIMEOUT = timedelta(minutes=10)
"""How long another migrator may be at work before this one gives up."""
_LOCK_KEY = 0x6A616E69746F72  # "janitor": one migrator at a time in this database


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the text as shipped."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def available_migrations() -> tuple[Migration, ...]:
    """The shipped migrations in order.

    Raises:
        DatabaseError: A file name is malformed, or a number is missing or double.
    """
    folder = resources.files("janitor.stores") / "migrations"
    found = sorted(
        (
            Migration(entry.name, entry.read_text(encoding="utf-8"))
            for entry in folder.iterdir()
            if entry.name != "__pycache__"
        ),
        key=lambda migration: migration.name,
    )
    for number, migration in enumerate(found, start=1):
        match = _FILE_NAME.match(migration.name)
        if match is None or int(match[1]) != number:
            raise DatabaseError(f"migration {migration.name}: expected a name that starts with {number:04d}_")
    return tuple(found)


def migrate(database_url: str) -> list[str]:
    """Apply what is missing, as the schema's owner.

    Args:
        database_url: A role that may create the schema `janitor`, and roles if they don't exist yet.

    Returns:
        Names of the migrations that this call applied, in order.

    Raises:
        DatabaseError: The server can't be reached, a migration failed (nothing of it remains), or an applied one was
            edited.
    """
    applied: list[str] = []
    try:
        with open_connection(database_url, application_name="janitor-migrate", autocommit=True) as connection:
            _take_turn(connection)
            connection.execute("create schema if not exists janitor")
            connection.execute(
                "create table if not exists janitor.schema_migrations"
                " (name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
            )
            known: dict[str, str] = dict(
                connection.execute("select name, sha256 from janitor.schema_migrations").fetchall()
            )
            for migration in available_migrations():
                if migration.name in known:
                    if known[migration.name] != migration.sha256:
                        raise DatabaseError(
                            f"migration {migration.name} was changed after it was applied;"
                            " restore it and put the change into a new migration"
                        )
                    continue
                with connection.transaction():
                    connection.execute(migration.sql.encode())
                    connection.execute(
                        "insert into janitor.schema_migrations (name, sha256) values (%s, %s)",
                        (migration.name, migration.sha256),
                    )
                applied.append(migration.name)
    except psycopg.errors.LockNotAvailable as exc:
        minutes = _TURN_TIMEOUT.total_seconds() / 60
        raise DatabaseError(
            f"another migration of this database is at work for more than {minutes:.0f} minutes, or something holds"
            " the tables that a migration changes; find it in pg_stat_activity, then run `make db-migrate` again"
        ) from exc
    except psycopg.OperationalError as exc:
        raise unusable(exc) from exc
    except psycopg.Error as exc:
        raise DatabaseError(f"migration failed, nothing of it remains: {exc}") from exc
    return applied


def missing_migrations(database_url: str) -> tuple[str, ...]:
    """The names of the migrations that the database lacks, in order; all of them where there is no schema.

    Args:
        database_url: A role that reads the schema.

    Raises:
        DatabaseError: The server can't be asked.
    """
    try:
        with open_connection(database_url, application_name="janitor-migrate") as connection:
            is_there = connection.execute("select to_regclass('janitor.schema_migrations') is not null").fetchone()
            rows = connection.execute("select name from janitor.schema_migrations") if is_there and is_there[0] else ()
            known = {str(row[0]) for row in rows}
    except psycopg.Error as exc:
        raise DatabaseError(f"the applied migrations can't be read: {exc}") from exc
    return tuple(each.name for each in available_migrations() if each.name not in known)


def _take_turn(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Wait until no other migrator is at work in this database; the turn ends with the connection.

    Raises:
        psycopg.errors.LockNotAvailable: the other one takes too long.
    """
    connection.execute(f"set lock_timeout = '{_TURN_TIMEOUT.total_seconds():.0f}s'")
    with waiting("waiting for another migration of this database to end", _TURN_TIMEOUT):
        connection.execute("select pg_advisory_lock(%s)", (_LOCK_KEY,))
