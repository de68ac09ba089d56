"""Brings a deployment's databases and its Airflow user to where the other components can start: compose's `init`.

Each step does only what is missing, so that it runs before every start:

    PostgreSQL answers ─ roles and databases ─ Airflow's schema ─ Janitor's schema and roles ─ Airflow's user

Roles get the passwords that the URLs have. Without POSTGRES_ADMIN_URL both databases and the owners' roles are taken to
be there already. No password is on a command line. Needs Janitor's packages, and Airflow's command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import SplitResult, unquote, urlsplit

from janitor.domain.errors import DatabaseError
from janitor.stores.database import open_connection
from janitor.stores.roles.databases import ensure_databases
from janitor.stores.roles.definition import Login, RoleKind

POSTGRES_SECONDS = 120
ANSWER = timedelta(seconds=5)
STEP_SECONDS = 900
URLS = {
    RoleKind.AIRFLOW: "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    RoleKind.OWNER: "JANITOR_OWNER_DATABASE_URL",
    RoleKind.WRITER: "JANITOR_DATABASE_URL",
    RoleKind.READER: "JANITOR_READER_DATABASE_URL",
}
"""The variables that name the roles and their databases."""
TROUBLE = 3


class PrepareError(Exception):
    """A step can't be done; the message says why and what to do."""


def url_of(name: str, environment: Mapping[str, str]) -> SplitResult:
    """A database's URL. Raises PrepareError where the variable has no whole one."""
    value = environment.get(name, "").strip()
    if "<" in value:
        raise PrepareError(f"{name} still has a placeholder of .env.example; `make dotenv` draws the secrets")
    # SQLAlchemy's name of the driver is none of libpq's.
    url = urlsplit(value.replace("postgresql+psycopg2:", "postgresql:", 1))
    if not (url.username and url.password and url.path[1:]):
        raise PrepareError(f"{name} is no URL of the form postgresql://role:password@host:5432/database")
    return url


def login(kind: RoleKind, url: SplitResult) -> Login:
    """The role that a URL names."""
    name, password = unquote(url.username or ""), unquote(url.password or "")
    return Login(kind=kind, name=name, password=password, database=unquote(url.path[1:]))


def main() -> int:
    """Do all steps; 3 where one can't be done."""
    environment = dict(os.environ)
    try:
        urls = {kind: url_of(name, environment) for kind, name in URLS.items()}
        if environment.get("POSTGRES_ADMIN_URL"):
            admin = url_of("POSTGRES_ADMIN_URL", environment).geturl()
            wait_for(admin)
            ensure_databases(admin, tuple(login(kind, url) for kind, url in urls.items()))
            say("roles and databases are there")
        else:
            wait_for(urls[RoleKind.OWNER].geturl())
        run("Airflow's schema", ["airflow", "db", "migrate"])
        run("Janitor's schema", [sys.executable, "-m", "janitor.cli.main", "db-migrate"])
        run("Janitor's roles", [sys.executable, "-m", "janitor.cli.main", "db-roles"])
        ensure_user(environment)
    except (PrepareError, DatabaseError) as exc:
        say(f"error: {exc}")
        return TROUBLE
    return 0


def wait_for(url: str) -> None:
    """Wait until PostgreSQL answers. Raises PrepareError when it doesn't."""
    deadline = time.monotonic() + POSTGRES_SECONDS
    while True:
        try:
            with open_connection(url, application_name="janitor-init", within=ANSWER):
                return
        except DatabaseError as exc:
            # libpq reports a refused login by text alone, and no waiting changes it.
            if time.monotonic() > deadline or "password authentication failed" in str(exc):
                raise PrepareError(str(exc)) from exc
            time.sleep(1)


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
