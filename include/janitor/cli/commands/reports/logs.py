"""The log of a validation."""

from __future__ import annotations

import click

from janitor.cli.completion import complete_repository, complete_run
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.report.logs import validation_log


@click.command(
    cls=ExampleCommand,
    examples=("janitor logs worker-basic --follow", "janitor logs worker-basic --run-id 550e8400 > worker-basic.log"),
)
@click.argument("repo", shell_complete=complete_repository)
@click.option("--run-id", shell_complete=complete_run, help="Of this run. Default: the repository's latest validation.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the validation has ended.")
@shared_options
@pass_session
def logs(session: Session, repo: str, run_id: str | None, follow: bool) -> ExitCode:
    """Print the log of a validation.

    REPO is the repository's name, or organization/name. Terminal control sequences are left out: what a repository
    prints is not to be trusted.
    """
    console = Console()
    session.on_interrupt = "The validation goes on; only its log is no longer shown."
    printed = False
    for line in validation_log(session.settings(), repo, run_id, follow):
        console.result(line)
        printed = True
    if not printed:
        console.notice(f"The log of {repo} is empty.")
    return ExitCode.OK
