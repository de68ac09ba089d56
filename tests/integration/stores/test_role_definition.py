"""Databases and roles as compose's `init` and the local stack make them: by a master that is no superuser, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from janitor.domain.errors import DatabaseError
from janitor.stores.migrate import migrate
from janitor.stores.roles.databases import ensure_databases
from janitor.stores.roles.definition import Login, RoleGroup, RoleKind
from janitor.stores.roles.logins import LoginRole, RoleOutcome, ensure_login_roles
from tests.support.postgres import TestDatabase


@dataclass(frozen=True)
class Server:
    """A managed server: its master may make roles and databases, and no more."""

    superuser_url: str
    mark: str

    def url(self, name: str, password: str, database: str) -> str:
        place = conninfo_to_dict(self.superuser_url)
        return f"postgresql://{name}:{password}@{place['host']}:{place['port']}/{database}"

    @property
    def master_url(self) -> str:
        return self.url(f"master_{self.mark}", "masters", "postgres")

    def login(self, kind: RoleKind, password: str | None = None) -> Login:
        database = f"{'a' if kind is RoleKind.AIRFLOW else 'j'}_{self.mark}"
        return Login(
            kind=kind, name=f"{kind.value}_{self.mark}", password=password or f"its-{kind.value}", database=database
        )

    @property
    def logins(self) -> tuple[Login, ...]:
        return tuple(self.login(kind) for kind in RoleKind)

    def url_of(self, login: Login, database: str | None = None) -> str:
        return self.url(login.name, login.password, database or login.database)

    def as_superuser(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


@pytest.fixture
def server(database: TestDatabase) -> Iterator[Server]:
    made = Server(database.superuser_url, uuid4().hex[:8])
    master = f"master_{made.mark}"
    made.as_superuser("create role {} login createrole createdb password 'masters'", master)
    # The groups belong to the server; another deployment of it has made them.
    for group in RoleGroup:
        made.as_superuser("grant {} to {} with admin option", group.value, master)
    yield made
    for login in (made.login(RoleKind.AIRFLOW), made.login(RoleKind.OWNER)):
        made.as_superuser("drop database if exists {}", login.database)


def said(url: str, statement: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_whatever_makes_them_they_are_the_same(server: Server) -> None:
    for _ in range(2):
        ensure_databases(server.master_url, server.logins)
    airflow, owner, writer, reader, worker = (server.url_of(login) for login in server.logins)
    assert said(airflow, "show idle_in_transaction_session_timeout") == "30s"
    assert said(owner, "show idle_in_transaction_session_timeout") == "0"
    assert said(reader, "show default_transaction_read_only") == "on"
    assert said(writer, "show default_transaction_read_only") == "off"
    migrate(owner)
    # `janitor db-roles` finds nothing to do.
    wanted = (
        LoginRole(variable="JANITOR_DATABASE_URL", url=writer, group=RoleGroup.WRITERS),
        LoginRole(variable="JANITOR_READER_DATABASE_URL", url=reader, group=RoleGroup.READERS),
        LoginRole(variable="its worker's", url=worker, group=RoleGroup.WORKERS),
    )
    assert set(ensure_login_roles(owner, wanted).values()) == {RoleOutcome.RIGHT}


def test_nobody_else_comes_into_a_database(server: Server) -> None:
    ensure_databases(server.master_url, server.logins)
    airflow, owner, writer, _reader, worker = server.logins
    for stranger, database in ((writer, airflow.database), (worker, airflow.database), (airflow, owner.database)):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(server.url_of(stranger, database))


def test_a_password_is_set_anew_and_never_sent(server: Server) -> None:
    ensure_databases(server.master_url, server.logins)
    changed = tuple(replace(login, password="drawn-anew") for login in server.logins)
    ensure_databases(server.master_url, changed)
    assert all(said(server.url_of(login), "select current_user") == login.name for login in changed)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url_of(server.logins[0]))
    stored = f"select rolpassword from pg_authid where rolname = '{changed[0].name}'"
    assert said(server.superuser_url, stored).startswith("SCRAM-SHA-256$")
    assert "drawn-anew" not in repr(changed[0])


def test_a_master_without_the_right_is_told(server: Server) -> None:
    server.as_superuser("alter role {} nocreaterole", f"master_{server.mark}")
    with pytest.raises(DatabaseError, match="the roles and databases can't be made: permission denied"):
        ensure_databases(server.master_url, server.logins)


def test_one_of_each_kind_is_needed(server: Server) -> None:
    airflow, owner, writer, reader, worker = server.logins
    for lacking in ((airflow, owner, writer), (airflow, owner, writer, worker), (*server.logins, worker)):
        with pytest.raises(ValueError, match="one role of each kind"):
            ensure_databases(server.master_url, lacking)
    ensure_databases(server.master_url, (airflow, owner, writer, reader))
