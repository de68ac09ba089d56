"""Proofs that a pool works: of each part that it needs, of a worker from launch to end, and of the way of a task."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.pool.probes import probes_dict, probes_text, tried_dict, tried_line
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import require_somebody, require_yes, yes_option
from janitor.cli.terminal.console import Console
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskState
from janitor.services.pool_control.connection import Tried, try_connection
from janitor.services.pool_control.probes import await_probes, probe_ends, queue_probes
from janitor.services.pool_control.trial import try_worker
from janitor.views.document import as_json


@click.command(
    "test-connection",
    cls=ExampleCommand,
    examples=(
        "janitor pool test-connection",
        "janitor pool test-connection --provider ec2 --json",
        "janitor pool test-connection --spawn-test --pool default --yes",
    ),
)
@click.option(
    "--provider", type=click.Choice([each.value for each in Provider]), help="Only what machines of this one need."
)
@click.option(
    "--spawn-test", is_flag=True, help="Also launch one worker, have it take an order and a probe, and end it."
)
@click.option("--pool", metavar="POOL", help="With --spawn-test: of which pool. Not needed where there is one alone.")
@yes_option
@json_option
@shared_options
@pass_session
def test_connection(
    session: Session, *, provider: str | None, spawn_test: bool, pool: str | None, yes: bool, as_json_text: bool
) -> ExitCode:
    """Say which of database, provider, channel and storage fails.

    The channel is how an order reaches a machine: SSM, a mailbox of signed addresses, or the database for hosts of your
    own. --spawn-test costs what a machine costs for some minutes; its lifetime is short, and it is verified that it is
    gone. Exit code 3: something fails, which is named.
    """
    if pool is not None and not spawn_test:
        raise click.UsageError("--pool goes with --spawn-test", click.get_current_context())
    console = Console(quiet=as_json_text)
    if spawn_test:
        require_somebody(yes=yes, what="launch a machine")
        require_yes("Launch a worker, and end it again?", yes=yes, as_json_text=False)
    settings = session.settings()
    chosen = None if provider is None else Provider(provider)
    tried = list(_told(console, try_connection(settings, chosen)))
    if spawn_test and all(each.is_well for each in tried):
        session.on_interrupt = "A worker may be left: `janitor pool list` shows it, and passes end it."
        tried += _told(console, try_worker(settings, pool))
        session.on_interrupt = None
    if as_json_text:
        console.result(as_json(tried_dict(tried)))
    return ExitCode.OK if all(each.is_well for each in tried) else ExitCode.INFRASTRUCTURE


def _told(console: Console, tried: Iterable[Tried]) -> Iterable[Tried]:
    for each in tried:
        console.progress(tried_line(each))
        yield each


@click.command(
    "test-task",
    cls=ExampleCommand,
    examples=("janitor pool test-task", "janitor pool test-task --count 4 --pool default --wait 10 --json"),
)
@click.option("--pool", metavar="POOL", help="In this pool. Not needed where there is one alone.")
@click.option("--count", type=Count(1, 1000), default=1, show_default=True, help="How many.")
@click.option("--wait", type=Count(1, 120), metavar="MINUTES", help="Wait for their ends so long; then cancel them.")
@json_option
@shared_options
@pass_session
def test_task(session: Session, *, pool: str | None, count: int, wait: int | None, as_json_text: bool) -> ExitCode:
    """Queue tasks that prove that workers take them.

    A probe runs nothing; it is done when a worker has taken it. It counts as any other task for how many workers there
    should be, so that a pool without one spawns one. Exit code 1: with --wait, one didn't come to its end.
    """
    settings = session.settings()
    console = Console(quiet=as_json_text)
    queued = queue_probes(settings, pool, count)
    if wait is None:
        ends = probe_ends(settings, queued.task_ids)
    else:
        session.on_interrupt = "The probes stay queued: `janitor pool queue` shows them."
        with console.working(f"Waiting for {count} {'probe' if count == 1 else 'probes'} in pool {queued.pool}"):
            ends = await_probes(settings, queued.task_ids, timedelta(minutes=wait))
    console.result(as_json(probes_dict(queued, ends)) if as_json_text else probes_text(queued, ends))
    well = wait is None or all(each.state is TaskState.DONE for each in ends)
    return ExitCode.OK if well else ExitCode.NOT_SUCCESSFUL
