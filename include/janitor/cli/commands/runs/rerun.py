"""Doing a run again."""

from __future__ import annotations

import click

from janitor.cli.completion import complete_run
from janitor.cli.exit_codes import ExitCode
from janitor.cli.orders import check_rerun, show_plan
from janitor.cli.registry import ExampleCommand
from janitor.cli.runs import carry_out
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import yes_option
from janitor.cli.terminal.console import Console
from janitor.services.report.reports import run_view
from janitor.stack.stack import require_up
from janitor.views.document import as_json


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor rerun 550e84 --failed",
        "janitor rerun 550e8400-e29b-41d4-a716-446655440000 --no-follow --env dev",
        "janitor rerun 550e84 --failed --yes --json | jq .successful",
    ),
)
@click.argument("run_id", shell_complete=complete_run)
@click.option("--failed", is_flag=True, help="Only the repositories that were not successful, whatever the reason.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Stay until the run has ended.")
@yes_option
@json_option
@shared_options
@pass_session
def rerun(session: Session, run_id: str, *, failed: bool, follow: bool, yes: bool, as_json_text: bool) -> ExitCode:
    """Do a run again, with the parameters that it had.

    The same repositories with the same parameters as that run was planned with, also where its configuration has
    changed since or is gone; a ref that is a branch is taken as it is now. RUN_ID is as for query-parallel-run. Shown,
    asked and followed as by validate-all-workers, with its exit codes; 0 as well where --failed finds nothing to do.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    require_up(settings)
    before = run_view(settings, run_id)
    if failed and before.all_successful:
        said = f"Every repository of run {before.run_id} is successful: there is nothing to do again."
        console.result(as_json({"run_id": None, "rerun_of": str(before.run_id)}) if as_json_text else said)
        return ExitCode.OK
    order = check_rerun(settings, str(before.run_id), only_unsuccessful=failed)
    console.progress(f"Again: run {before.run_id}{', what was not successful' if failed else ''}")
    show_plan(console, settings, order, yes=yes, as_json_text=as_json_text)
    return carry_out(session, console, settings, order, follow=follow, as_json_text=as_json_text)
