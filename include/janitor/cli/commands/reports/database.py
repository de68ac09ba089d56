"""The database: its schema, and the roles that use it."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.stores.migrate import migrate
from janitor.stores.roles.definition import RoleGroup
from janitor.stores.roles.logins import LoginRole, ensure_login_roles


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


@click.command(cls=ExampleCommand, examples=("janitor db-roles --env dev", "janitor db-roles --env prod"))
@shared_options
@pass_session
def db_roles(session: Session) -> ExitCode:
    """Make the database roles that write and read, or set their passwords anew.

    Their names and passwords are those of JANITOR_DATABASE_URL and JANITOR_READER_DATABASE_URL; the role of
    JANITOR_OWNER_DATABASE_URL makes them, after `janitor db-migrate`. No password is printed, logged or sent in plain
    text. Running it again is safe.
    """
    console, settings = Console(), session.settings()
    wanted = (
        LoginRole(variable="JANITOR_DATABASE_URL", url=settings.writer_url, group=RoleGroup.WRITERS),
        LoginRole(variable="JANITOR_READER_DATABASE_URL", url=settings.reader_url, group=RoleGroup.READERS),
    )
    done = ensure_login_roles(settings.owner_url, wanted)
    for role in wanted:
        console.result(f"{role.name}, member of {role.group.value}: {done[role.name].value}")
    return ExitCode.OK
