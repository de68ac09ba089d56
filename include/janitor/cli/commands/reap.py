"""One pass of the reaper by hand."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.console import Console
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.json_views import as_json
from janitor.cli.render.reap import reap_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.services.reap import ReapError, reap_once


@click.command(cls=ExampleCommand, examples=("janitor reap --dry-run", "janitor reap --env dev --json"))
@click.option("--dry-run", is_flag=True, help="Only say what would be done; change nothing anywhere.")
@json_option
@shared_options
@pass_session
def reap(session: Session, dry_run: bool, as_json_text: bool) -> ExitCode:
    """End instances that nobody works on, as the reaper does.

    The same pass that the DAG `reap_instances` makes every few minutes. An instance without an owner is marked at first
    and terminated by a later pass; one past its time is terminated at once. The exit code is 3 if something went wrong
    or an instance is alive that should not be.
    """
    console = Console(quiet=as_json_text)
    problem = None
    with console.working("Comparing EC2 with the ledger"):
        try:
            report = reap_once(session.settings(), dry_run=dry_run)
        except ReapError as error:
            report, problem = error.report, error
    console.result(as_json(asdict(report)) if as_json_text else reap_text(report))
    if problem is not None:
        raise problem
    return ExitCode.INFRASTRUCTURE if report.problems or report.still_alive else ExitCode.OK
