"""Shards of maintenance: a list, and a SQLite file for whoever reads such files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.maintenance.shards import shard_dict, shards_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.maintenance.processes import with_maintenance_database
from janitor.services.maintenance.sqlite_export import sqlite_of
from janitor.stores import shards as store
from janitor.stores.database import transaction
from janitor.views.document import as_json

_MOST = 100_000
"""Shards of one file: more than years of nights make."""


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor shards",
        "janitor shards list --last 50 --json",
        "janitor shards export --sqlite shard_status.db",
    ),
)
@click.argument("what", type=click.Choice(["list", "export"]), default="list")
@click.option("--last", type=Count(1, _MOST), help="So many, those that changed last. Default: 20; all in a file.")
@click.option("--run", "run_id", metavar="RUN", help="Of this maintenance run alone.")
@click.option("--sqlite", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to export to.")
@click.option("--database-url", metavar="URL", help="Another database than the deployment's.")
@json_option
@shared_options
@pass_session
def shards(
    session: Session,
    *,
    what: str,
    last: int | None,
    run_id: str | None,
    sqlite: Path | None,
    database_url: str | None,
    as_json_text: bool,
) -> ExitCode:
    """List the shards of maintenance, or write them into a SQLite file.

    The file has the table shard_status, on which the queries of the runbook run as they are printed.
    """
    if (what == "export") != (sqlite is not None):
        raise click.UsageError("export needs --sqlite FILE, and list has none", click.get_current_context())
    settings = with_maintenance_database(session.settings(), database_url)
    count = last or (20 if sqlite is None else _MOST)
    with transaction(settings.reader_url) as connection:
        if run_id is None:
            found = store.last(connection, settings.deployment, count)
        else:
            found = store.of_run(connection, settings.deployment, run_id)[-count:]
    console = Console(quiet=as_json_text)
    if sqlite is None:
        plain = {"shards": [shard_dict(each) for each in found]}
        console.result(as_json(plain) if as_json_text else shards_text(found, datetime.now(timezone.utc)))
        return ExitCode.OK
    if not _is_ours(sqlite):
        message = f"{sqlite} is there and is no file of shards; name another one, or remove it"
        raise click.UsageError(message, click.get_current_context())
    try:
        sqlite.write_bytes(sqlite_of(found))
    except OSError as exc:
        raise click.UsageError(f"{sqlite} can't be written: {exc.strerror}", click.get_current_context()) from exc
    counted = f"{len(found)} {'shard' if len(found) == 1 else 'shards'}"
    console.result(as_json({"file": str(sqlite), "shards": len(found)}) if as_json_text else f"{sqlite}: {counted}")
    return ExitCode.OK


def _is_ours(path: Path) -> bool:
    """Whether a file may be written: there is none, or it was exported before."""
    if not path.exists():
        return True
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as kept:
            tables = kept.execute("select name from sqlite_master where type = 'table'").fetchall()
    except sqlite3.Error:
        return False
    return tables == [("shard_status",)]
