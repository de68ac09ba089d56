"""The database schema."""

from __future__ import annotations

import click

from janitor.cli.console import Console
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.stores.migrate import migrate


@click.command(cls=ExampleCommand, examples=("janitor db-migrate", "janitor db-migrate --env dev"))
@shared_options
@pass_session
def db_migrate(session: Session) -> ExitCode:
    """Bring the database schema up to date.

    Each migration is one transaction; running it again, or twice at once, is safe.
    """
    console = Console()
    applied = migrate(session.settings().owner_url)
    for name in applied:
        console.result(f"applied {name}")
    console.result("The database is up to date.")
    return ExitCode.OK
