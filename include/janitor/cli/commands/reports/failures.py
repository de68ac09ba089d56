"""The failures of the last runs by cause."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.runs.failures import failures_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.report.failures import failure_report
from janitor.views.document import as_json
from janitor.views.failures import failures_dict


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor failures",
        "janitor failures --runs 1 --env dev",
        "janitor failures --json | jq '.failures[] | {title, repositories: [.repositories[].repository]}'",
    ),
)
@click.option("--runs", type=Count(1, 1_000), default=10, show_default=True, help="How many runs, at most.")
@json_option
@shared_options
@pass_session
def failures(session: Session, runs: int, as_json_text: bool) -> ExitCode:
    """Show the failures of the last runs by cause.

    One line for each cause with the repositories that it hit, so that one bad base image is one line. What the
    repositories are at fault for comes first; then what could not be told, such as trouble of the cloud.
    """
    report = failure_report(session.settings(), runs)
    Console().result(as_json(failures_dict(report)) if as_json_text else failures_text(report))
    return ExitCode.OK
