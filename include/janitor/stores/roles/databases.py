"""Airflow's and Janitor's databases with all roles, made by a role that may make both: a superuser, or RDS's master."""

from __future__ import annotations

import psycopg
from psycopg import sql

from janitor.domain.errors import DatabaseError
from janitor.stores.database import open_connection
from janitor.stores.roles.definition import Login, RoleGroup, RoleKind, ensure_database, ensure_group, ensure_login

_APPLICATION = "janitor-databases"
_NEEDED = frozenset(RoleKind) - {RoleKind.WORKER}


def ensure_databases(admin_url: str, logins: tuple[Login, ...]) -> None:
    """Make the databases and roles that are missing, and set the passwords.

    Args:
        admin_url: A role that may make roles and databases.
        logins: One of each kind; a worker's only where the deployment has workers that claim for themselves.

    Raises:
        DatabaseError: The server can't be reached, or refused.
        ValueError: A kind is missing, or is there twice.
    """
    by_kind = {login.kind: login for login in logins}
    if len(logins) != len(by_kind) or _NEEDED - set(by_kind):
        raise ValueError(f"one role of each kind is needed: {', '.join(kind for kind in RoleKind if kind in _NEEDED)}")
    try:
        # A database can't be made in a transaction.
        with open_connection(admin_url, application_name=_APPLICATION, autocommit=True) as connection:
            for group in RoleGroup:
                ensure_group(connection, group)
            is_superuser = _is_superuser(connection)
            for login in logins:
                ensure_login(connection, login)
                if not is_superuser and login.name != connection.info.user:
                    # It may give a database only to a role that it is a member of.
                    own = sql.SQL("grant {} to {}")
                    connection.execute(own.format(sql.Identifier(login.name), sql.Identifier(connection.info.user)))
            ensure_database(connection, by_kind[RoleKind.AIRFLOW])
            ensure_database(connection, by_kind[RoleKind.OWNER], tuple(group.value for group in RoleGroup))
    except psycopg.Error as exc:
        said = str(exc).strip().partition("\n")[0]
        raise DatabaseError(f"the roles and databases can't be made: {said}") from exc


def _is_superuser(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    found = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    return found is not None and bool(found[0])
