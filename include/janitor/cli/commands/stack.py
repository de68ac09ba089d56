"""The local stack: up, down, status."""

from __future__ import annotations

import click

from janitor.cli.console import Console
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.json_views import as_json
from janitor.cli.render.stack import login_text, stack_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.stack import stack

_PARTLY_UP = "The local stack may be partly up; `make status` shows it, `make down` ends it."


@click.command(cls=ExampleCommand, examples=("janitor up",))
@shared_options
@pass_session
def up(session: Session) -> ExitCode:
    """Start the local stack in the background.

    PostgreSQL, the local cloud and Airflow. What runs already stays; a port that is taken is replaced by a free one.
    Returns when everything is healthy.
    """
    console = Console()
    settings = session.settings()
    session.on_interrupt = _PARTLY_UP
    with console.working("Starting the local stack") as step:
        settings = stack.up(settings, progress=step)
    console.result(login_text(stack.status(settings)))
    return ExitCode.OK


@click.command(cls=ExampleCommand, examples=("janitor down",))
@shared_options
@pass_session
def down(session: Session) -> ExitCode:
    """Stop the local stack; its data stays.

    Ends every process of it, instances included: repositories that are being validated get no verdict.
    """
    console = Console()
    settings = session.settings()
    session.on_interrupt = _PARTLY_UP
    with console.working("Stopping the local stack") as step:
        stack.down(settings, progress=step)
    return ExitCode.OK


@click.command(cls=ExampleCommand, examples=("janitor status", "janitor status --json | jq -r .web_url"))
@json_option
@shared_options
@pass_session
def status(session: Session, as_json_text: bool) -> ExitCode:
    """Show the local stack: processes, ports, web UI and login.

    The exit code is 3 unless all of it is healthy.
    """
    found = stack.status(session.settings())
    Console().result(as_json(found.to_dict()) if as_json_text else stack_text(found))
    return ExitCode.OK if found.running else ExitCode.INFRASTRUCTURE
