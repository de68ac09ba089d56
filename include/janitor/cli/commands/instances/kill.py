"""The emergency stop."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.kill import kill_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.reap.kill import kill_all
from janitor.views.document import as_json
from janitor.views.endings import kill_dict


@click.command(cls=ExampleCommand, examples=("janitor kill-all-workers", "janitor kill-all-workers --env dev --json"))
@json_option
@shared_options
@pass_session
def kill_all_workers(session: Session, as_json_text: bool) -> ExitCode:
    """Emergency: terminate every instance and verify it.

    Ends every run and every instance of this deployment at once, without asking, those that `keep` holds too, and has
    EC2 confirm it. The exit code is 3 if an instance remains or may.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    session.on_interrupt = "Instances may be left: run `make kill-all-workers` again."
    with console.working("Ending runs and instances") as step:
        report = kill_all(settings, progress=step)
    if as_json_text:
        console.result(as_json(kill_dict(report)))
    else:
        text = kill_text(report.terminated, report.remaining, report.cancelled_runs, report.was, report.problems)
        console.result(text)
    return ExitCode.INFRASTRUCTURE if report.remaining or report.problems else ExitCode.OK
