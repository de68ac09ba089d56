"""Orders to the pools. Each is written down with who gave it, and none asks a provider past the ledger."""

from __future__ import annotations

import getpass

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.pool.orders import drained_dict, drained_text, resumed_text, stopped_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
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
