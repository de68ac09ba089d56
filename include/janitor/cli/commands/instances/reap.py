"""One pass of the reaper by hand."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.reap import reap_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.ledger.abandon import abandon_place as do_abandon_place
from janitor.services.reap.passes import ReapError, reap_once
from janitor.views.document import as_json


@click.command(cls=ExampleCommand, examples=("janitor reap --dry-run", "janitor reap --env dev --json"))
@click.option("--dry-run", is_flag=True, help="Only say what would be done; change nothing anywhere.")
@click.option(
    "--vanished", is_flag=True, help="Say that every instance is gone that EC2 doesn't show here, however many."
)
@click.option(
    "--abandon-place",
    metavar="PLACE",
    help="Say that nothing is left in another place, as a message names it: its rows are ended unseen.",
)
@json_option
@shared_options
@pass_session
def reap(session: Session, dry_run: bool, vanished: bool, abandon_place: str | None, as_json_text: bool) -> ExitCode:
    """End instances that nobody works on, as the reaper does.

    The same pass that the DAG `reap_instances` makes every few minutes. An instance without an owner is marked at first
    and terminated by a later pass; one past its time is terminated at once. A row whose instance EC2 doesn't show is
    ended by a later pass; many at once only with --vanished. The exit code is 3 if something went wrong, an instance is
    alive that should not be or isn't shown that should, or the ledger's instances are in another place (account, region
    or cloud) than the one that is looked at: nothing is changed then.
    """
    if dry_run and (vanished or abandon_place):
        raise click.UsageError("--dry-run changes nothing, so it takes neither --vanished nor --abandon-place")
    console = Console(quiet=as_json_text)
    problem = None
    if abandon_place:
        for name in do_abandon_place(session.settings(), abandon_place):
            console.notice(f"{name}: its row is ended, unseen")
    with console.working("Comparing EC2 with the ledger"):
        try:
            report = reap_once(session.settings(), dry_run=dry_run, believe_absence=vanished)
        except ReapError as error:
            report, problem = error.report, error
    console.result(as_json(asdict(report)) if as_json_text else reap_text(report))
    if problem is not None:
        raise problem
    if report.busy and vanished:
        console.error("That pass believes nothing of what EC2 doesn't show: say it again when it has ended.")
        return ExitCode.INFRASTRUCTURE
    return ExitCode.INFRASTRUCTURE if report.problems or report.still_alive else ExitCode.OK
