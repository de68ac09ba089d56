"""The main job on the local stack, from nothing to results."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import repository_option, timeout_option
from janitor.cli.orders import check_order, show_plan
from janitor.cli.registry import ExampleCommand
from janitor.cli.runs import announce, exit_code_of, print_results, see_through, start
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import yes_option
from janitor.cli.terminal.console import Console
from janitor.settings import Settings, StackKind
from janitor.stack.stack import is_up, up


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor run                                    # the bundled example workers",
        "janitor run infra/local/showcase.yaml          # examples that fail, hang and mislead as well",
        "janitor run infra/workers-config.yaml --repo worker-basic --timeout-minutes 10",
    ),
)
@click.argument("config", required=False)
@repository_option
@timeout_option
@yes_option
@json_option
@shared_options
@pass_session
def run(
    session: Session,
    config: str | None,
    *,
    repository: str | None,
    timeout_minutes: float | None,
    yes: bool,
    as_json_text: bool,
) -> ExitCode:
    """Validate a fleet on the local stack, follow it and print the results.

    CONFIG is a workers configuration; default: the environment's own. It is checked before anything starts. The stack
    is started if it is down, and stays up afterwards (`janitor down` stops it).
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    order = check_order(settings, config=config, repository=repository, timeout_minutes=timeout_minutes)
    settings = with_stack(session, console, settings)
    show_plan(console, settings, order, yes=yes, as_json_text=as_json_text)
    started = start(session, settings, order)
    announce(console, settings, order, started, followed=True)
    ended = see_through(session, console, settings, started, grace=order.blueprint.grace)
    print_results(console, settings, ended, as_json_text=as_json_text)
    return exit_code_of(ended)


def with_stack(session: Session, console: Console, settings: Settings) -> Settings:
    """The settings of a stack that is up."""
    if settings.stack is StackKind.EXTERNAL or is_up(settings):
        return settings
    session.on_interrupt = "The local stack was not started; `make status` shows what is there, `make down` ends it."
    with console.working("Starting the local stack") as step:
        started = up(settings, progress=step)
    session.on_interrupt = None
    return started
