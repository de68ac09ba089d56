"""Whether launches are paused, and a person's word that they may go on."""

from __future__ import annotations

import getpass
from datetime import datetime, timezone

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.breaker import breaker_dicts, breaker_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.launch.breaker import EVERYTHING, pool_of_scope
from janitor.services.launch import breaker as launch_breaker
from janitor.views.document import as_json


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor breaker",
        "janitor breaker --close",
        "janitor breaker --close --scope runpod-workers/worker-basic",
    ),
)
@click.option("--close", is_flag=True, help="Let launches go on at once.")
@click.option("--scope", metavar="ORG/REPO", help="Of this repository alone. Default: every paused one.")
@json_option
@shared_options
@pass_session
def breaker(session: Session, close: bool, scope: str | None, as_json_text: bool) -> ExitCode:
    """Show whether launches are paused; --close lets them go on.

    Launches pause for a while when several in a row came to nothing, for one repository or for all of them.
    """
    if scope is not None and not close:
        raise click.UsageError("--scope goes with --close", click.get_current_context())
    if scope is not None and scope != EVERYTHING and not pool_of_scope(scope) and scope.count("/") != 1:
        raise click.UsageError(f"{scope[:80]!r} is no organization/name and no pool:name", click.get_current_context())
    settings = session.settings()
    states = launch_breaker.state(settings)
    if close:
        paused = [each.scope for each in states if each.paused_until is not None]
        for each in [scope] if scope is not None else paused:
            launch_breaker.close(settings, each, getpass.getuser())
        states = launch_breaker.state(settings)
    now = datetime.now(timezone.utc)
    Console().result(as_json(breaker_dicts(states, now)) if as_json_text else breaker_text(states, now))
    return ExitCode.OK
