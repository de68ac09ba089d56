"""A worker on a host of your own."""

from __future__ import annotations

import threading
from datetime import timedelta

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.signals import ending_signals_set
from janitor.services.pool_control.serving import LEASE, serve
from janitor.views.document import as_json
from janitor.views.text.marks import GOOD


@click.command(
    "worker",
    cls=ExampleCommand,
    examples=("janitor pool worker --pool default", "janitor pool worker --pool default --max-tasks 1 --json"),
)
@click.option("--pool", required=True, metavar="POOL", help="Which it serves; one whose provider is local.")
@click.option(
    "--max-tasks", type=Count(1, 100_000), help="Leave after so many tasks. Default: serve until told to end."
)
@click.option(
    "--lease",
    type=Count(3, 600),
    default=int(LEASE.total_seconds()),
    show_default=True,
    metavar="SECONDS",
    help="How long a task is held without renewing that; it is renewed by thirds.",
)
@json_option
@shared_options
@pass_session
def worker(session: Session, *, pool: str, max_tasks: int | None, lease: int, as_json_text: bool) -> ExitCode:
    """Serve a pool from this machine, which you trust.

    It claims for itself, by JANITOR_WORKER_DATABASE_URL: a role that may call five functions and read nothing. It
    carries out probes alone: a validation that is queued for it is ended as failed, which says so. Ctrl-C and SIGTERM
    let it finish what it has and leave; a second one ends it at once. Exit code 2: somebody ended it; 3: the database
    didn't answer for a lease, or its task was taken from it, and it stopped by itself. A start is a new worker.
    """
    console = Console(quiet=as_json_text)
    leaving = threading.Event()
    session.on_interrupt = "Its task, if it had one, comes back when the lease is over."
    with ending_signals_set(leaving):
        served = serve(
            session.settings(), pool, leaving, console.progress, lease=timedelta(seconds=lease), most_tasks=max_tasks
        )
    plain = {"worker_id": str(served.worker_id), "pool": pool, "tasks_done": served.tasks_done, "why": served.why}
    console.result(as_json(plain) if as_json_text else f"{GOOD} Tasks done: {served.tasks_done}; {served.why}")
    return ExitCode.OK
