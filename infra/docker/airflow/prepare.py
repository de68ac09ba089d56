"""Brings a deployment's databases and its Airflow user to where the other components can start: compose's `init`.

Each step does only what is missing, so that it runs before every start:

    PostgreSQL answers ─ roles and databases ─ Airflow's schema ─ Janitor's schema ─ Airflow's user

Roles get the passwords that the URLs have. Without POSTGRES_ADMIN_URL they are taken to be there already. No password
is on a command line. Needs psycopg, and Airflow's and Janitor's commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from psycopg import sql

POSTGRES_SECONDS = 120
STEP_SECONDS = 900
GROUP_ROLES = ("janitor_write", "janitor_read")
TROUBLE = 3


class PrepareError(Exception):
    """A step can't be done; the message says why and what to do."""


@dataclass(frozen=True)
class Login:
    """What a database's URL says."""

    role: str
    password: str
    database: str
    url: str

    @classmethod
    def of(cls, name: str, environment: Mapping[str, str]) -> Login:
        """Read a variable. Raises PrepareError where it has no whole URL."""
        value = environment.get(name, "").strip()
        if "<" in value:
            raise PrepareError(f"{name} still has a placeholder of .env.example; `make dotenv` draws the secrets")
        # SQLAlchemy's name of the driver is none of libpq's.
        parts: SplitResult = urlsplit(value.replace("postgresql+psycopg2:", "postgresql:", 1))
        role, password, database = unquote(parts.username or ""), unquote(parts.password or ""), parts.path[1:]
        if not (role and password and database):
            raise PrepareError(f"{name} is no URL of the form postgresql://role:password@host:5432/database")
        return cls(role=role, password=password, database=database, url=parts.geturl())


def main() -> int:
    """Do all steps; 3 where one can't be done."""
    environment = dict(os.environ)
    try:
        airflow = Login.of("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", environment)
        owner = Login.of("JANITOR_OWNER_DATABASE_URL", environment)
        writer = Login.of("JANITOR_DATABASE_URL", environment)
        reader = Login.of("JANITOR_READER_DATABASE_URL", environment)
        if environment.get("POSTGRES_ADMIN_URL"):
            admin = Login.of("POSTGRES_ADMIN_URL", environment)
            wait_for(admin.url)
            make_databases(admin.url, airflow=airflow, owner=owner, writer=writer, reader=reader)
            say("roles and databases are there")
        else:
            wait_for(owner.url)
        run("Airflow's schema", ["airflow", "db", "migrate"])
        run("Janitor's schema", [sys.executable, "-m", "janitor.cli.main", "db-migrate"])
        ensure_user(environment)
    except PrepareError as exc:
        say(f"error: {exc}")
        return TROUBLE
    return 0


def wait_for(url: str) -> None:
    """Wait until PostgreSQL answers. Raises PrepareError when it doesn't."""
    deadline = time.monotonic() + POSTGRES_SECONDS
    while True:
        try:
            with psycopg.connect(url, connect_timeout=5):
                return
        except psycopg.OperationalError as exc:
            # libpq reports a refused login by text alone, and no waiting changes it.
            if time.monotonic() > deadline or "password authentication failed" in str(exc):
                raise PrepareError(f"PostgreSQL can't be used: {exc}") from exc
            time.sleep(1)


def make_databases(admin: str, *, airflow: Login, owner: Login, writer: Login, reader: Login) -> None:
    """Make the roles and databases that are missing, and set the passwords.

    Args:
        admin: URL of a role that may make roles and databases.
        airflow: Owner of Airflow's database.
        owner: Owner of Janitor's database: it migrates.
        writer: Member of janitor_write.
        reader: Member of janitor_read.

    Raises:
        PrepareError: PostgreSQL refused.
    """
    try:
        with psycopg.connect(admin, autocommit=True, connect_timeout=5) as connection:
            me = connection.info.user
            for role in GROUP_ROLES:
                _ensure_role(connection, role)
            for login in (airflow, owner, writer, reader):
                _ensure_role(connection, login.role)
                _execute(
                    connection,
                    "alter role {} login password {}",
                    sql.Identifier(login.role),
                    sql.Literal(login.password),
                )
                if login.role != me:
                    # RDS's master is no superuser: it may give a database only to a role that it is a member of.
                    _execute(connection, "grant {} to {}", sql.Identifier(login.role), sql.Identifier(me))
            _execute(connection, "grant janitor_write to {}", sql.Identifier(writer.role))
            _execute(connection, "grant janitor_read to {}", sql.Identifier(reader.role))
            _execute(connection, "alter role {} set default_transaction_read_only = on", sql.Identifier(reader.role))
            _ensure_database(connection, airflow, ())
            _ensure_database(connection, owner, GROUP_ROLES)
    except psycopg.Error as exc:
        raise PrepareError(f"the roles and databases can't be made: {exc}") from exc


def _ensure_role(connection: psycopg.Connection, role: str) -> None:
    if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
        _execute(connection, "create role {}", sql.Identifier(role))


def _ensure_database(connection: psycopg.Connection, owner: Login, users: tuple[str, ...]) -> None:
    database = sql.Identifier(owner.database)
    if connection.execute("select from pg_database where datname = %s", (owner.database,)).fetchone() is None:
        _execute(connection, "create database {} owner {}", database, sql.Identifier(owner.role))
    _execute(connection, "revoke connect on database {} from public", database)
    for user in users:
        _execute(connection, "grant connect on database {} to {}", database, sql.Identifier(user))


def _execute(connection: psycopg.Connection, statement: str, *parts: sql.Composable) -> None:
    connection.execute(sql.SQL(statement).format(*parts))


def ensure_user(environment: Mapping[str, str]) -> None:
    """Make the user of Airflow that the command logs in as, with the password of the environment.

    Raises:
        PrepareError: One of the two isn't given, or Airflow refused.
    """
    name = environment.get("JANITOR_AIRFLOW_USERNAME", "").strip()
    password = environment.get("JANITOR_AIRFLOW_PASSWORD", "").strip()
    if not name or not password or "<" in password:
        raise PrepareError("JANITOR_AIRFLOW_USERNAME and JANITOR_AIRFLOW_PASSWORD must be given; see .env.example")
    person = ["--firstname", "Janitor", "--lastname", "Operator", "--email", f"{name}@janitor.invalid"]
    create = ["airflow", "users", "create", "--username", name, "--role", "Admin", *person]
    # Asked for twice, and read from standard input where there is no terminal.
    answers = f"{password}\n{password}\n"
    said = run(f"Airflow's user {name}", create, answers)
    if "already exist" in said:
        reset = ["airflow", "users", "reset-password", "--username", name]
        run(f"the password of Airflow's user {name}", reset, answers)


def run(what: str, command: list[str], answers: str = "") -> str:
    """Run one step; returns what it printed. Raises PrepareError where it fails, with its last words."""
    began = time.monotonic()
    try:
        done = subprocess.run(  # a fixed list of words
            command,
            input=answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise PrepareError(f"{what}: not done after {STEP_SECONDS} s") from exc
    if done.returncode != 0:
        raise PrepareError(f"{what}: ended with {done.returncode}:\n{done.stdout.strip()[-2000:]}")
    say(f"{what}: done in {time.monotonic() - began:.0f} s")
    return done.stdout


def say(text: str) -> None:
    """Tell whoever reads the container's log."""
    sys.stderr.write(f"init: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
