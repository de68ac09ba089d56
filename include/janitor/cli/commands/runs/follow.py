"""Following a run that somebody else started: the schedule, the web UI, `--no-follow`."""

from __future__ import annotations

from datetime import timedelta

import click

from janitor.cli.completion import complete_running
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.runs import exit_code_of, find_started, print_results, see_through
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.config.limits import MAX_GRACE_MINUTES


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor follow 550e8400-e29b-41d4-a716-446655440000",
        "janitor follow scheduled__2026-01-01T03:00:00+00:00 --json",
    ),
)
@click.argument("run_id", shell_complete=complete_running)
@json_option
@shared_options
@pass_session
def follow(session: Session, run_id: str, as_json_text: bool) -> ExitCode:
    """Follow a run that was started before.

    Shows its progress, waits until it has ended, and prints the results; the exit code is that of the result. RUN_ID is
    the run's id, its first six characters or more, or the id that Airflow gave it. It need not be planned yet.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    started = find_started(settings, run_id)
    # The run's own grace isn't known here, so the longest that a configuration may give.
    ended = see_through(session, console, settings, started, grace=timedelta(minutes=MAX_GRACE_MINUTES))
    print_results(console, settings, ended, as_json_text=as_json_text)
    return exit_code_of(ended)
