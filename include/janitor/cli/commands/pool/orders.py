"""Orders to the pools. Each is written down with who gave it, and none asks a provider past the ledger."""

from __future__ import annotations

import getpass

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.pool.orders import (
    drained_dict,
    drained_text,
    resumed_text,
    retried_dict,
    retried_text,
    spawned_dict,
    spawned_text,
    stopped_text,
    terminated_dict,
    terminated_text,
)
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import require_yes, yes_option
from janitor.cli.terminal.console import Console
from janitor.services.pool_control.machines import retry_task, spawn_workers, terminate_worker
from janitor.services.pool_control.orders import By, drain_all, drain_worker, resume_pool, stop_pool
from janitor.views.document import as_json

reason_option = click.option("--reason", metavar="TEXT", help="Why; it is kept with your name.")


def by(reason: str | None) -> By:
    """Who orders it: the user of this machine."""
    return By(user=getpass.getuser(), reason=reason)


@click.command(
    "stop",
    cls=ExampleCommand,
    examples=("janitor pool stop default", "janitor pool stop default --reason 'prices' --json"),
)
@click.argument("pool", required=False)
@reason_option
@json_option
@shared_options
@pass_session
def stop(session: Session, pool: str | None, reason: str | None, as_json_text: bool) -> ExitCode:
    """Stop a pool: nothing is spawned, and what it has drains.

    It wins over the configuration, and holds until `resume`: what waits goes on waiting until its run's end. What a
    worker has is finished; `terminate --now` ends that, too. `drain` is about the workers that there are, and says
    nothing about the next ones. POOL may be left out where there is one alone.
    """
    name, is_new = stop_pool(session.settings(), pool, by(reason))
    console = Console(quiet=as_json_text)
    plain = {"pool": name, "stopped": True, "new": is_new}
    console.result(as_json(plain) if as_json_text else stopped_text(name, is_new=is_new))
    return ExitCode.OK


@click.command("resume", cls=ExampleCommand, examples=("janitor pool resume default",))
@click.argument("pool", required=False)
@reason_option
@json_option
@shared_options
@pass_session
def resume(session: Session, pool: str | None, reason: str | None, as_json_text: bool) -> ExitCode:
    """Let a pool go on that was stopped.

    What drains by the stop ends all the same. POOL may be left out where there is one alone.
    """
    name, was_stopped = resume_pool(session.settings(), pool, by(reason))
    console = Console(quiet=as_json_text)
    plain = {"pool": name, "stopped": False, "new": was_stopped}
    console.result(as_json(plain) if as_json_text else resumed_text(name, was_stopped=was_stopped))
    return ExitCode.OK


@click.command(
    "drain",
    cls=ExampleCommand,
    examples=(
        "janitor pool drain 550e84",
        "janitor pool drain i-1234567890abcdef0 --reason 'looks slow'",
        "janitor pool drain --all --pool default --json",
    ),
)
@click.argument("worker", required=False)
@click.option("--all", "everyone", is_flag=True, help="Every worker of the pool that there is now.")
@click.option("--pool", metavar="POOL", help="With --all: of which pool. Not needed where there is one alone.")
@reason_option
@json_option
@shared_options
@pass_session
def drain(
    session: Session, *, worker: str | None, everyone: bool, pool: str | None, reason: str | None, as_json_text: bool
) -> ExitCode:
    """Give workers nothing more; each ends after what it has.

    WORKER is the beginning of its id or of its machine's, as `janitor pool list` shows them. What it has may take as
    long as the pool's drain_timeout; then it is given back, and goes to another one. The pool may spawn others in its
    place: `stop` keeps it from that.
    """
    if everyone == (worker is not None):
        raise click.UsageError("give either a worker or --all", click.get_current_context())
    if pool is not None and not everyone:
        raise click.UsageError("--pool goes with --all", click.get_current_context())
    settings = session.settings()
    drained = drain_all(settings, pool, by(reason)) if worker is None else [drain_worker(settings, worker, by(reason))]
    console = Console(quiet=as_json_text)
    console.result(as_json(drained_dict(drained)) if as_json_text else drained_text(drained))
    return ExitCode.OK


@click.command(
    "spawn", cls=ExampleCommand, examples=("janitor pool spawn", "janitor pool spawn --pool default --count 2 --json")
)
@click.option("--pool", metavar="POOL", help="In this pool. Not needed where there is one alone.")
@click.option("--count", type=Count(1, 100), default=1, show_default=True, help="How many.")
@reason_option
@json_option
@shared_options
@pass_session
def spawn(session: Session, *, pool: str | None, count: int, reason: str | None, as_json_text: bool) -> ExitCode:
    """Ask for workers.

    Their money is set aside at once, and the next pass launches them, never more than the pool's max. They live by
    the pool's rules: one that stays idle for longer than its idle_timeout, or for which nothing waits where min is 0,
    drains again. Exit code 2: the pool is stopped or full, or the budget has no money left.
    """
    spawned = spawn_workers(session.settings(), pool, count, by(reason))
    console = Console(quiet=as_json_text)
    console.result(as_json(spawned_dict(spawned)) if as_json_text else spawned_text(spawned))
    return ExitCode.OK


@click.command(
    "terminate",
    cls=ExampleCommand,
    examples=("janitor pool terminate 550e84", "janitor pool terminate 550e84 --now --yes --reason 'hangs'"),
)
@click.argument("worker")
@click.option("--now", "is_now", is_flag=True, help="Also one that has a task: that is given back, without blame.")
@yes_option
@reason_option
@json_option
@shared_options
@pass_session
def terminate(
    session: Session, *, worker: str, is_now: bool, yes: bool, reason: str | None, as_json_text: bool
) -> ExitCode:
    """End a worker and verify it.

    Asks on a terminal. WORKER is as for `drain`. Exit code 0: its provider says that it has ended; 2: it has a task, or
    there is none such; 3: it was told to end and isn't gone yet, which a pass goes on with, or the provider can't be
    asked.
    """
    require_yes(f"End worker {worker}{', whatever it has' if is_now else ''}?", yes=yes, as_json_text=as_json_text)
    console = Console(quiet=as_json_text)
    session.on_interrupt = "The worker is to end; the next pass goes on with it."
    with console.working(f"Ending worker {worker}"):
        ended = terminate_worker(session.settings(), worker, by(reason), is_now=is_now)
    console.result(as_json(terminated_dict(ended)) if as_json_text else terminated_text(ended))
    return ExitCode.OK if ended.is_over else ExitCode.INFRASTRUCTURE


@click.command("retry", cls=ExampleCommand, examples=("janitor pool retry 550e84 --reason 'no progress'",))
@click.argument("task")
@reason_option
@json_option
@shared_options
@pass_session
def retry(session: Session, task: str, reason: str | None, as_json_text: bool) -> ExitCode:
    """Give a task to another worker, or let it wait no longer.

    TASK is the beginning of its id, as `janitor pool queue` shows it. Who has it is ended with whatever runs there, and
    the task isn't blamed. One that has its end keeps that: `janitor rerun` validates again.
    """
    console = Console(quiet=as_json_text)
    session.on_interrupt = "The next pass goes on with it."
    with console.working(f"Giving task {task} back"):
        retried = retry_task(session.settings(), task, by(reason))
    console.result(as_json(retried_dict(retried)) if as_json_text else retried_text(retried))
    return ExitCode.OK
