"""The roles that log in: made as the settings name them, set anew when a password changes, and never told."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from janitor.domain.errors import DatabaseError, SettingsError
from janitor.stores.migrate import migrate
from janitor.stores.roles.definition import RoleGroup
from janitor.stores.roles.logins import LoginRole, RoleOutcome, ensure_login_roles, is_right
from tests.support.postgres import TestDatabase


@dataclass(frozen=True)
class Managed:
    """A database as a managed service gives one: an owner that may make roles and is no superuser."""

    superuser_url: str
    name: str
    owner: str

    def url(self, user: str, password: str) -> str:
        place = conninfo_to_dict(self.superuser_url)
        return f"postgresql://{user}:{password}@{place['host']}:{place['port']}/{self.name}"

    @property
    def owner_url(self) -> str:
        return self.url(self.owner, "owners")

    def writer(self, password: str = "writers-secret") -> LoginRole:
        return LoginRole(
            variable="JANITOR_DATABASE_URL", url=self.url(f"w_{self.name}", password), group=RoleGroup.WRITERS
        )

    def reader(self, password: str = "readers-secret") -> LoginRole:
        return LoginRole(
            variable="JANITOR_READER_DATABASE_URL", url=self.url(f"r_{self.name}", password), group=RoleGroup.READERS
        )

    def as_superuser(self, statement: str, **names: str) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            identifiers = {key: sql.Identifier(value) for key, value in names.items()}
            connection.execute(sql.SQL(statement).format(**identifiers))


@pytest.fixture
def managed(database: TestDatabase) -> Managed:
    mark = uuid4().hex[:8]
    made = Managed(database.superuser_url, f"db_{mark}", f"own_{mark}")
    made.as_superuser("create role {owner} login createrole password 'owners'", owner=made.owner)
    made.as_superuser("create database {name} owner {owner}", name=made.name, owner=made.owner)
    # The groups belong to the server; another deployment of it has made them.
    for group in RoleGroup:
        made.as_superuser("grant {group} to {owner} with admin option", group=group.value, owner=made.owner)
    migrate(made.owner_url)
    return made


def may(url: str, statement: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            # Sessions that only read could leave it again: what counts is the right.
            connection.execute("set transaction read write")
            connection.execute(statement)
            connection.rollback()
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


WRITE = "delete from janitor.reap_marks"
READ = "select from janitor.validation_runs"


def test_they_are_made_once_with_the_rights_of_their_groups(managed: Managed) -> None:
    wanted = (managed.writer(), managed.reader())
    assert [is_right(role) for role in wanted] == [False, False]
    assert set(ensure_login_roles(managed.owner_url, wanted).values()) == {RoleOutcome.MADE}
    assert (may(wanted[0].url, READ), may(wanted[0].url, WRITE)) == (True, True)
    assert (may(wanted[1].url, READ), may(wanted[1].url, WRITE)) == (True, False)
    assert set(ensure_login_roles(managed.owner_url, wanted).values()) == {RoleOutcome.RIGHT}


def test_a_workers_login_calls_its_functions_and_reads_nothing(managed: Managed) -> None:
    worker = LoginRole(
        variable="its URL", url=managed.url(f"k_{managed.name}", "workers-secret"), group=RoleGroup.WORKERS
    )
    assert ensure_login_roles(managed.owner_url, (worker,)) == {worker.name: RoleOutcome.MADE}
    assert (may(worker.url, READ), may(worker.url, WRITE)) == (False, False)
    assert said(worker.url, "select janitor_pool.pool_worker_beat(gen_random_uuid(), 'd', 'p')") == "unknown"


def test_a_readers_sessions_begin_read_only(managed: Managed) -> None:
    wanted = (managed.writer(), managed.reader())
    ensure_login_roles(managed.owner_url, wanted)
    assert [said(role.url, "show default_transaction_read_only") for role in wanted] == ["off", "on"]


def said(url: str, statement: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_a_new_password_takes_the_old_ones_place(managed: Managed) -> None:
    reader = managed.reader()
    ensure_login_roles(managed.owner_url, (managed.writer(), reader))
    done = ensure_login_roles(managed.owner_url, (managed.writer("rotated"), reader))
    assert list(done.values()) == [RoleOutcome.CHANGED, RoleOutcome.RIGHT]
    assert (is_right(managed.writer("rotated")), is_right(managed.writer())) == (True, False)


def test_a_lost_membership_comes_back(managed: Managed) -> None:
    reader = managed.reader()
    ensure_login_roles(managed.owner_url, (reader,))
    with psycopg.connect(managed.owner_url) as connection:
        connection.execute(sql.SQL("revoke janitor_read from {}").format(sql.Identifier(reader.name)))
    assert not is_right(reader)
    assert ensure_login_roles(managed.owner_url, (reader,)) == {reader.name: RoleOutcome.CHANGED}
    assert is_right(reader)


def test_no_password_reaches_the_servers_log_or_a_message(managed: Managed) -> None:
    managed.as_superuser("alter database {name} set log_statement = 'all'", name=managed.name)
    secret = f"never-told-{uuid4().hex}"
    ensure_login_roles(managed.owner_url, (managed.writer(secret),))
    with psycopg.connect(managed.superuser_url) as connection:
        stored = connection.execute(
            "select rolpassword from pg_authid where rolname = %s", (managed.writer().name,)
        ).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")
    wrong = LoginRole(variable="JANITOR_DATABASE_URL", url=f"postgresql://u:{secret}@[", group=RoleGroup.WRITERS)
    with pytest.raises(SettingsError, match="JANITOR_DATABASE_URL is no PostgreSQL URL") as told:
        ensure_login_roles(managed.owner_url, (wrong,))
    assert secret not in str(told.value)
    assert told.value.__cause__ is None


def test_an_owner_without_the_right_is_told_what_it_needs(managed: Managed) -> None:
    managed.as_superuser("alter role {owner} nocreaterole", owner=managed.owner)
    with pytest.raises(DatabaseError, match="give it CREATEROLE"):
        ensure_login_roles(managed.owner_url, (managed.writer(),))


@pytest.mark.parametrize("user", ["owner", "janitor_write"])
def test_a_role_that_is_somebody_elses_is_refused(managed: Managed, user: str) -> None:
    name = managed.owner if user == "owner" else user
    role = LoginRole(variable="JANITOR_DATABASE_URL", url=managed.url(name, "p"), group=RoleGroup.WRITERS)
    with pytest.raises(SettingsError, match=f"names the role {name}, which is"):
        ensure_login_roles(managed.owner_url, (role,))


def test_a_url_without_a_password_is_refused(managed: Managed) -> None:
    role = LoginRole(variable="JANITOR_DATABASE_URL", url="postgresql://w@127.0.0.1/x", group=RoleGroup.WRITERS)
    with pytest.raises(SettingsError, match="JANITOR_DATABASE_URL has no password"):
        ensure_login_roles(managed.owner_url, (role,))
