"""What the time of instances went into."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.waste import waste_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.money.waste import waste_report
from janitor.views.document import as_json
from janitor.views.waste import waste_dict


@click.command(
    cls=ExampleCommand,
    examples=("janitor waste", "janitor waste --days 30 --env dev", "janitor waste --json | jq '.unexplained[]'"),
)
@click.option("--days", type=Count(1, 366), default=7, show_default=True, help="Instances launched in so many days.")
@json_option
@shared_options
@pass_session
def waste(session: Session, days: int, as_json_text: bool) -> ExitCode:
    """Say what every instance-second went into, and what is unexplained.

    Time and dollars by phase, then a line for each instance with time that neither a boot, a command, a report nor a
    debug lease explains, with everything that is known of how it ended.
    """
    report = waste_report(session.settings(), days)
    Console().result(as_json(waste_dict(report)) if as_json_text else waste_text(report))
    return ExitCode.OK
