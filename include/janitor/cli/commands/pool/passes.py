"""Passes over the pools by hand, or as a program beside Airflow."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.pool.passes import pass_dict, pass_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import JanitorError
from janitor.services.pool.cycle import PassReport, run_pass
from janitor.settings import Settings
from janitor.views.document import as_json
from janitor.views.text.times import instant


@click.command(
    "run",
    cls=ExampleCommand,
    examples=("janitor pool run --once", "janitor pool run --once --json", "janitor pool run --every 30"),
)
@click.option("--once", is_flag=True, help="One pass; the exit code is 3 where something could not be done.")
@click.option(
    "--every", type=Count(1, 3600), default=30, show_default=True, metavar="SECONDS", help="From one pass to the next."
)
@json_option
@shared_options
@pass_session
def run(session: Session, once: bool, every: int, as_json_text: bool) -> ExitCode:
    """Make passes over the pools, one or one after the other.

    A pass is what the DAG gpu_pool makes every minute: it carries on what is half done, gives tasks to workers, decides
    and acts. Where another one is under way, nothing is done. Without --once it goes on until Ctrl-C or SIGTERM; a pass
    that fails is told, and the next one comes. One may be cut off anywhere: the next goes on with it.
    """
    if as_json_text and not once:
        raise click.UsageError("--json goes with --once", click.get_current_context())
    settings = session.settings()
    console = Console(quiet=as_json_text)
    session.on_interrupt = "Whatever was begun, the next pass goes on with; machines keep their own limits."
    if once:
        with console.working("Making a pass over the pools"):
            report = run_pass(settings)
        console.result(as_json(pass_dict(report)) if as_json_text else pass_text(report))
        return ExitCode.INFRASTRUCTURE if report.every_problem else ExitCode.OK
    while True:
        began = time.monotonic()
        _one(settings, console)
        time.sleep(max(0.0, began + every - time.monotonic()))


def _one(settings: Settings, console: Console) -> PassReport | None:
    """One pass of many; returns what it did, None where it failed."""
    at = instant(datetime.now(timezone.utc))
    try:
        report = run_pass(settings)
    except JanitorError as exc:
        console.notice(f"{at}  the pass failed, and the next one is made: {exc}")
        return None
    console.progress(f"{at}\n{pass_text(report)}")
    return report
