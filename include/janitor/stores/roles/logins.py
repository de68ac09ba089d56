"""The roles that log in: one that writes, one that only reads, each a member of the group that migrations make.

Their names and passwords are those of the settings' URLs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from janitor.domain.errors import DatabaseError, SettingsError
from janitor.stores.database import open_connection, unusable
from janitor.stores.roles.definition import Login, RoleGroup, RoleKind, ensure_login, let_in

_APPLICATION = "janitor-roles"
_WRONG_LOGIN = (
    "password authentication failed",
    "does not exist",
    "is not permitted to log in",
    "permission denied for",
)
"""Source: PostgreSQL, auth.c and postinit.c; libpq gives a refused connection no SQLSTATE."""


class RoleOutcome(str, Enum):
    """What was done about a role."""

    RIGHT = "is right already"
    MADE = "made"
    CHANGED = "brought up to date"


@dataclass(frozen=True, kw_only=True)
class LoginRole:
    """A role as the settings want it."""

    variable: str
    """The setting that names it, for messages."""
    url: str
    group: RoleGroup

    @property
    def name(self) -> str:
        """Of the role. Raises SettingsError where the URL has none."""
        return self._part("user")

    @property
    def password(self) -> str:
        """Its password. Raises SettingsError where the URL has none."""
        return self._part("password")

    def _part(self, part: str) -> str:
        try:
            value = conninfo_to_dict(self.url).get(part)
        except psycopg.Error:
            # libpq's own words would repeat the URL, with the password in it.
            raise SettingsError(f"{self.variable} is no PostgreSQL URL") from None
        if not value:
            raise SettingsError(f"{self.variable} has no {part}; write it as postgresql://user:password@host/database")
        return str(value)


def ensure_login_roles(owner_url: str, wanted: tuple[LoginRole, ...]) -> Mapping[str, RoleOutcome]:
    """Make the roles, or bring their passwords and their groups up to date; changes nothing that is right.

    Args:
        owner_url: The role that migrates; it needs CREATEROLE where something has to be done.
        wanted: The roles.

    Returns:
        What was done, by role.

    Raises:
        SettingsError: A URL lacks a part, or two of them name one role.
        DatabaseError: The server can't be reached or refuses, or the schema isn't there; nothing of it remains.
    """
    _check_names(owner_url, wanted)
    pending = [role for role in wanted if not is_right(role)]
    done = {role.name: RoleOutcome.RIGHT for role in wanted}
    if not pending:
        return done
    try:
        with open_connection(owner_url, application_name=_APPLICATION) as connection:
            for role in pending:
                done[role.name] = _ensure(connection, role)
    except psycopg.errors.InsufficientPrivilege as exc:
        raise DatabaseError(
            f"the owner's role may not make or change roles ({_said(exc)}); give it CREATEROLE, and the groups"
            " janitor_write, janitor_read and janitor_worker WITH ADMIN OPTION where somebody else has made them"
        ) from exc
    except psycopg.OperationalError as exc:
        raise unusable(exc) from exc
    except psycopg.Error as exc:
        raise DatabaseError(f"the roles can't be made, nothing was changed: {_said(exc)}") from exc
    for role in pending:
        if not is_right(role):
            raise DatabaseError(
                f"{role.variable} still can't log in as {role.name} with its group's rights; does it name the same"
                " server and database as JANITOR_OWNER_DATABASE_URL, and does pg_hba.conf let it in?"
            )
    return done


def is_right(role: LoginRole) -> bool:
    """Whether a role logs in as the settings say, as a member of its group and with no more than its rights.

    Raises:
        SettingsError: The URL lacks a part.
        DatabaseError: The server can't be asked for another reason than the login.
    """
    try:
        with open_connection(role.url, application_name=_APPLICATION) as connection:
            found = connection.execute(
                "select pg_has_role(current_user, %s, 'usage') and not rolsuper from pg_roles"
                " where rolname = current_user and exists (select from pg_roles where rolname = %s)",
                (role.group.value, role.group.value),
            ).fetchone()
    except DatabaseError as exc:
        if any(each in str(exc) for each in _WRONG_LOGIN):
            return False
        raise
    except psycopg.Error as exc:
        raise DatabaseError(f"{role.variable}: {_said(exc)}") from exc
    return found is not None and bool(found[0])


def _check_names(owner_url: str, wanted: tuple[LoginRole, ...]) -> None:
    owner = LoginRole(variable="JANITOR_OWNER_DATABASE_URL", url=owner_url, group=RoleGroup.WRITERS).name
    taken = {owner: "JANITOR_OWNER_DATABASE_URL"} | {group.value: "a group of the schema's" for group in RoleGroup}
    for role in wanted:
        _ = role.password
        if role.name in taken:
            raise SettingsError(f"{role.variable} names the role {role.name}, which is {taken[role.name]} already")
        taken[role.name] = f"that of {role.variable}"


def _ensure(connection: psycopg.Connection[Any], role: LoginRole) -> RoleOutcome:
    database = connection.info.dbname
    kind = RoleKind.of(role.group)
    is_new = ensure_login(connection, Login(kind=kind, name=role.name, password=role.password, database=database))
    let_in(connection, database, role.name)
    return RoleOutcome.MADE if is_new else RoleOutcome.CHANGED


def _said(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0]
