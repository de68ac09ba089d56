"""Stopping one run."""

from __future__ import annotations

import getpass

import click

from janitor.cli.completion import complete_running
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.kill import cancel_question, cancel_text
from janitor.cli.runs import find_started
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import require_yes, yes_option
from janitor.cli.terminal.console import Console
from janitor.services.reap.cancel import cancel_run, cancellable
from janitor.views.document import as_json
from janitor.views.endings import cancel_dict


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor cancel 550e84",
        "janitor cancel 550e8400-e29b-41d4-a716-446655440000 --yes --json",
        "janitor cancel scheduled__2026-01-01T03:00:00+00:00 --env dev",
    ),
)
@click.argument("run_id", shell_complete=complete_running)
@yes_option
@json_option
@shared_options
@pass_session
def cancel(session: Session, run_id: str, yes: bool, as_json_text: bool) -> ExitCode:
    """Stop one run and end its instances; other runs go on.

    Asks on a terminal. Its instances are ended as kill-all-workers ends all of them, and EC2 confirms it; what `keep`
    holds is left. Repositories without a verdict are cancelled. RUN_ID is as for query-parallel-run; the run need not
    be planned yet. Exit code 0: nothing of it is left; 2: it is unknown or over, or you said no, and nothing was
    changed; 3: an instance remains, or something could not be asked: run it again.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    started = find_started(settings, run_id)
    run = cancellable(settings, started.run_id, started.airflow_run_id, started.kind)
    require_yes(cancel_question(run), yes=yes, as_json_text=as_json_text)
    session.on_interrupt = f"Something of the run may be left: run `make cancel RUN_ID={run.run_id}` again."
    with console.working(f"Cancelling run {run.run_id}") as step:
        report = cancel_run(settings, run, requested_by=getpass.getuser(), progress=step)
    session.on_interrupt = None
    console.result(as_json(cancel_dict(run, report)) if as_json_text else cancel_text(run, report))
    return ExitCode.INFRASTRUCTURE if report.remaining or report.problems else ExitCode.OK
