"""Looking at the pools. Nothing is changed by any of these, and nobody but the database is asked."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.pool.status import (
    decisions_text,
    queues_text,
    status_dict,
    status_text,
    workers_text,
)
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.pool_control.looking import pool_glance, pools_status
from janitor.stores.database import transaction
from janitor.stores.pool import decisions as decision_store
from janitor.stores.pool import glance
from janitor.views.document import as_json
from janitor.views.pools import decisions_dict, queue_dict, worker_dict

pool_option = click.option("--pool", metavar="POOL", help="Of this pool alone. Default: of every pool.")


@click.command(
    "status", cls=ExampleCommand, examples=("janitor pool status", "janitor pool status --pool default --json")
)
@pool_option
@json_option
@shared_options
@pass_session
def status(session: Session, pool: str | None, as_json_text: bool) -> ExitCode:
    """Say in one screen what works, what waits, what is wrong, and what it costs.

    The exit code is 0 where nothing is wrong, 1 with warnings, 3 with a critical alert or where the database can't be
    read. `janitor dashboard` shows the same among everything else, and keeps itself up to date.
    """
    seen = pools_status(session.settings(), pool)
    console = Console(quiet=as_json_text)
    console.result(as_json(status_dict(seen)) if as_json_text else status_text(seen))
    if any(each.is_critical for each in seen.findings):
        return ExitCode.INFRASTRUCTURE
    return ExitCode.NOT_SUCCESSFUL if seen.findings else ExitCode.OK


@click.command(
    "list",
    cls=ExampleCommand,
    examples=("janitor pool list", "janitor pool list --ended 10", "janitor pool list --json"),
)
@pool_option
@click.option("--ended", type=Count(1, 1000), help="Also so many of those that ended last.")
@json_option
@shared_options
@pass_session
def list_workers(session: Session, pool: str | None, ended: int | None, as_json_text: bool) -> ExitCode:
    """List the workers.

    Each with its machine, what it does and for how long, its age and cost so far, and when its machine is ended at the
    latest, whatever happens. A worker is named by the beginning of its id.
    """
    settings = session.settings()
    with transaction(settings.reader_url) as connection:
        workers = glance.worker_glances(connection, settings.deployment, pool)
        if ended is not None:
            workers += glance.worker_glances(connection, settings.deployment, pool, ended=ended)
    plain = {"workers": [worker_dict(each) for each in workers]}
    now = datetime.now(timezone.utc)
    Console(quiet=as_json_text).result(as_json(plain) if as_json_text else workers_text(workers, now))
    return ExitCode.OK


@click.command("queue", cls=ExampleCommand, examples=("janitor pool queue", "janitor pool queue --json"))
@pool_option
@json_option
@shared_options
@pass_session
def queue(session: Session, pool: str | None, as_json_text: bool) -> ExitCode:
    """Show what waits, by trust domain, and who has what.

    Tasks of one trust domain may share a worker; those of two never do. The order is that in which they are claimed.
    """
    pools = pool_glance(session.settings(), pool)
    plain = {"pools": [queue_dict(each) for each in pools]}
    now = datetime.now(timezone.utc)
    Console(quiet=as_json_text).result(as_json(plain) if as_json_text else queues_text(pools, now))
    return ExitCode.OK


@click.command(
    "decisions",
    cls=ExampleCommand,
    examples=("janitor pool decisions", "janitor pool decisions --pool default --acted --last 50 --json"),
)
@pool_option
@click.option("--last", type=Count(1, 1000), default=10, show_default=True, help="So many, the last one first.")
@click.option("--acted", is_flag=True, help="Only those that did something.")
@json_option
@shared_options
@pass_session
def decisions(session: Session, pool: str | None, last: int, acted: bool, as_json_text: bool) -> ExitCode:
    """Say why there are as many workers as there are.

    Each pass keeps what it decided and why, also where it did nothing; with --json, with everything that it saw. What
    people ordered is among them, with who ordered it. They are kept for two weeks.
    """
    settings = session.settings()
    with transaction(settings.reader_url) as connection:
        kept = decision_store.recent(connection, settings.deployment, pool, count=last, with_actions_alone=acted)
    answer = as_json(decisions_dict(kept)) if as_json_text else decisions_text(kept)
    Console(quiet=as_json_text).result(answer)
    return ExitCode.OK
