"""What is alive in the cloud."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.console import Console
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances import instances_text
from janitor.cli.render.json_views import as_json
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.services.deployment import live_instances


@click.command(cls=ExampleCommand, examples=("janitor instances", "janitor instances --env dev --json | jq length"))
@json_option
@shared_options
@pass_session
def instances(session: Session, as_json_text: bool) -> ExitCode:
    """List the live instances of this deployment, as EC2 shows them.

    Found by tag, also those that the database doesn't know.
    """
    found = live_instances(session.settings())
    Console().result(as_json([asdict(each) for each in found]) if as_json_text else instances_text(found))
    return ExitCode.OK
