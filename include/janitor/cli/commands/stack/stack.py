"""The local stack: up and down; status of any deployment."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.stack.stack import deployment_text, ending_text, login_text, stack_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import JanitorError
from janitor.services.deployment import look_at_deployment
from janitor.services.report.reports import running_runs
from janitor.settings import Settings, StackKind
from janitor.stack import stack
from janitor.views.document import as_json

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


def work_that_is_ended(settings: Settings) -> str | None:
    """What goes on and ends with the stack, in words; None where nothing does, or where it can't be asked."""
    try:
        if not stack.is_running_at_all(settings):
            return None
        runs = running_runs(settings)
    except JanitorError:
        return None  # a stack that is damaged is stopped all the same
    return ending_text(runs) if runs else None


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
        if at_work := work_that_is_ended(settings):
            step(at_work)
        stack.down(settings, progress=step)
    return ExitCode.OK


@click.command(
    cls=ExampleCommand,
    examples=("janitor status", "janitor status --json | jq -r .web_url", "janitor status --env dev"),
)
@json_option
@shared_options
@pass_session
def status(session: Session, as_json_text: bool) -> ExitCode:
    """Show the stack: what runs and answers, web UI and login.

    Where Airflow, database and cloud run elsewhere, whether each answers. The exit code is 3 unless all is well.
    """
    settings = session.settings()
    if settings.stack is StackKind.EXTERNAL:
        services = look_at_deployment(settings)
        running = all(service.problem is None for service in services)
        plain = {"running": running, "web_url": settings.airflow_url, "services": [asdict(each) for each in services]}
        text = deployment_text(settings.environment, settings.airflow_url, services)
    else:
        found = stack.status(settings)
        running, plain, text = found.is_well, found.to_dict(), stack_text(found)
    Console().result(as_json(plain) if as_json_text else text)
    return ExitCode.OK if running else ExitCode.INFRASTRUCTURE
