"""Migrating Airflow's metadata database, only when there is something to migrate."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import psycopg

from janitor.domain.errors import StackError
from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.logged_command import run_logged

_TIMEOUT = timedelta(seconds=180)
_DISTRIBUTION = "apache-airflow-core"


def airflow_version() -> str:
    """Return the installed version, without importing Airflow.

    Raises:
        StackError: Airflow isn't installed.
    """
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError as exc:
        raise StackError(
            "Apache Airflow isn't installed; install the pinned packages: `pip install -r requirements.lock`"
        ) from exc


def migrate_airflow(layout: Layout, database_url: str, environment: Mapping[str, str]) -> bool:
    """Bring the metadata database to the installed version's schema.

    `airflow db migrate` costs seconds even when there is nothing to do. So the revision that it led to is kept together
    with the version, and it runs again only when either differs from what the database and the installation say.

    Args:
        layout: Where the stamp and the log are.
        database_url: The metadata database.
        environment: Environment of the command.

    Returns:
        Whether the command ran.

    Raises:
        StackError: it failed.
    """
    stamp_file = layout.airflow_home / "schema.json"
    version = airflow_version()
    before = _revision(database_url)
    if before is not None and _read_stamp(stamp_file) == {"airflow": version, "revision": before}:
        return False
    run_logged(
        (sys.executable, "-m", "airflow", "db", "migrate"),
        name="`airflow db migrate`",
        log=layout.log_of("airflow-migrate"),
        environment=environment,
        folder=layout.airflow_home,
        timeout=_TIMEOUT,
    )
    stamp_file.write_text(json.dumps({"airflow": version, "revision": _revision(database_url)}) + "\n")
    return True


def _revision(database_url: str) -> str | None:
    """Return the revision of the schema in the database, or None where there is none yet."""
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            row = connection.execute("select version_num from alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as exc:
        raise StackError(f"Airflow's database can't be read: {exc}") from exc
    return str(row[0]) if row else None


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
