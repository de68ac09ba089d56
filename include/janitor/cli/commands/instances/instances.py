"""What is alive in the cloud."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.instances import instances_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import DatabaseError, SettingsError
from janitor.services.deployment import live_instances
from janitor.services.here import require_here
from janitor.views.document import as_json


@click.command(cls=ExampleCommand, examples=("janitor instances", "janitor instances --env dev --json | jq length"))
@json_option
@shared_options
@pass_session
def instances(session: Session, as_json_text: bool) -> ExitCode:
    """List the live instances of this deployment, as EC2 shows them.

    Found by tag, also those that the database doesn't know. Where the ledger's instances are all in another place
    (account, region or cloud) than the one that is looked at, the exit code is 3.
    """
    settings, console = session.settings(), Console()
    found = live_instances(settings)
    try:
        elsewhere = require_here(settings)
    except (DatabaseError, SettingsError):
        elsewhere = ()  # EC2's word is all that there is
    for place in elsewhere:
        console.notice(f"Other instances of this deployment are in {place}: look there, too.")
    console.result(as_json([asdict(each) for each in found]) if as_json_text else instances_text(found))
    return ExitCode.OK
