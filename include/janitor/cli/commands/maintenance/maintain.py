"""Maintenance runs under supervision, and what becomes of their working trees."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

import click

from janitor.cli.commands.maintenance.in_airflow import run_in_airflow
from janitor.cli.commands.maintenance.supervise import Work, foresee, run_here, supervise
from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.maintenance.worktrees import (
    stopped_text,
    sweep_dict,
    sweep_line,
    sweep_text,
    worktree_dict,
    worktrees_text,
)
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.maintenance.airflow_runs import airflow_says_over
from janitor.services.maintenance.processes import with_maintenance_database
from janitor.services.maintenance.stopping import stop_run
from janitor.services.maintenance.sweeping import end_abandoned, sweep_all
from janitor.services.maintenance.worktrees import worktrees
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.services.workspaces.sweep import Swept, force_unlock
from janitor.settings import Settings
from janitor.views.document import as_json

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "names"

    def __init__(self, pattern: str, what: str) -> None:
        self.pattern, self.what = re.compile(pattern), what

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Read them; a wrong or a doubled one is a usage error."""
        names = [part.strip() for part in str(value).split(",") if part.strip()]
        wrong = [name for name in names if not self.pattern.fullmatch(name)]
        if wrong or not names or len(set(names)) != len(names):
            self.fail(f"{str(value)[:80]!r} are no different {self.what}, with commas between them", param, ctx)
        return tuple(names)


class Age(click.ParamType[timedelta]):
    """An age such as `30m`, `24h` or `2d`."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it; anything else is a usage error."""
        match = re.fullmatch(r"(\d{1,4})([mhd])", str(value).strip().lower())
        if match is None:
            self.fail(f"{str(value)[:40]!r} is no age; write it as 30m, 24h or 2d", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


class Dollars(click.ParamType[Decimal]):
    """An amount in USD."""

    name = "usd"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read it; anything else is a usage error."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or not 0 < amount <= 10_000:
            self.fail(f"{str(value)[:40]!r} is no amount above 0 and up to 10,000 USD", param, ctx)
        return amount


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor maintain --run-ids night-a,night-b,night-c --workers 3",
        "janitor maintain --run-ids once --repositories worker-basic --max-cost-usd 2 --dry-run",
        "janitor maintain --list-worktrees",
        "janitor maintain --cleanup --older-than 24h --dry-run",
        "janitor maintain --force-unlock 550e8400-e29b-41d4-a716-446655440000",
        "janitor maintain --stop night-a",
    ),
)
@click.option("--run-ids", type=Names(_RUN_ID.pattern, "names of runs"), help="Names of the runs: a,b,c.")
@click.option("--workers", type=Count(1, 64), help="How many runs at once. Default: as many as there are, and CPUs.")
@click.option("--repositories", type=Names(r"[\w.-]+(?:/[\w.-]+)?", "repositories"), help="Only these: name, org/name.")
@click.option("--validation-run", type=click.UUID, help="Whose failures are repaired. Default: the last run's.")
@click.option("--max-cost-usd", type=Dollars(), help="What the repairs of a run may cost together.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--airflow", "in_airflow", is_flag=True, help="Let Airflow carry the runs out, and wait for them.")
@click.option("--parallel-limit", type=Count(1, 64), help="With --airflow: shards at once. Default: the DAG's, 10.")
@click.option("--inline", is_flag=True, help="Carry the one run out in this process.")
@click.option("--per-run-sqlite", is_flag=True, help="Leave <run>/<run>.db beside what a run keeps.")
@click.option("--database-url", metavar="URL", help="Another database than the deployment's.")
@click.option("--list-worktrees", "listing", is_flag=True, help="List the working trees, with who holds each.")
@click.option("--cleanup", is_flag=True, help="Remove what dead holders left, and end their shards.")
@click.option("--older-than", type=Age(), help="With --cleanup: only what is older, as 24h.")
@click.option("--force-unlock", "lease", type=click.UUID, metavar="LEASE", help="Take a lease from a dead holder.")
@click.option("--stop", metavar="RUN", help="End the process of a run, and what it holds.")
@json_option
@shared_options
@pass_session
def maintain(
    session: Session,
    *,
    run_ids: tuple[str, ...] | None,
    workers: int | None,
    repositories: tuple[str, ...] | None,
    validation_run: UUID | None,
    max_cost_usd: Decimal | None,
    in_airflow: bool,
    parallel_limit: int | None,
    inline: bool,
    per_run_sqlite: bool,
    listing: bool,
    cleanup: bool,
    lease: UUID | None,
    stop: str | None,
    database_url: str | None,
    older_than: timedelta | None,
    dry_run: bool,
    as_json_text: bool,
) -> ExitCode:
    """Repair what the last run found broken, or look after the working trees of repairs.

    Each run is a process of its own, which takes one broken repository after the other that no other run has. Ctrl-C
    ends all of them in order: nothing stays leased.
    """
    if [run_ids is not None, listing, cleanup, lease is not None, stop is not None].count(True) != 1:
        message = "give one of --run-ids, --list-worktrees, --cleanup, --force-unlock and --stop"
        raise click.UsageError(message, click.get_current_context())
    if older_than is not None and not cleanup:
        raise click.UsageError("--older-than belongs to --cleanup", click.get_current_context())
    if inline and (run_ids is None or len(run_ids) != 1):
        raise click.UsageError("--inline carries out one run", click.get_current_context())

    settings = with_maintenance_database(session.settings(), database_url)
    console = Console(quiet=as_json_text)
    if run_ids is not None:
        work = Work(
            run_ids=run_ids,
            workers=workers,
            repositories=repositories or (),
            validation_run=validation_run,
            max_cost_usd=max_cost_usd,
            per_run_sqlite=per_run_sqlite,
        )
        if dry_run:
            return foresee(settings, console, work, as_json_text=as_json_text)
        if in_airflow:
            return run_in_airflow(
                session, settings, console, work, parallel_limit=parallel_limit, as_json_text=as_json_text
            )
        return (run_here if inline else supervise)(session, settings, console, work, as_json_text=as_json_text)
    if listing:
        return _list(settings, console, as_json_text=as_json_text)
    if stop is not None:
        return _stop(settings, console, stop, as_json_text=as_json_text)
    if lease is not None:
        return _unlock(settings, console, lease)
    return _clean(settings, console, older_than or timedelta(0), dry_run=dry_run, as_json_text=as_json_text)


def _list(settings: Settings, console: Console, *, as_json_text: bool) -> ExitCode:

    found = worktrees(WorkspaceManager.of(settings))
    plain = {"worktrees": [worktree_dict(each) for each in found]}
    console.result(as_json(plain) if as_json_text else worktrees_text(found))
    return ExitCode.OK


def _clean(
    settings: Settings, console: Console, older_than: timedelta, *, dry_run: bool, as_json_text: bool
) -> ExitCode:

    manager = WorkspaceManager.of(settings)
    swept = sweep_all(manager, is_over=airflow_says_over(settings), dry_run=dry_run, older_than=older_than)
    console.result(as_json(sweep_dict(swept)) if as_json_text else sweep_text(swept, dry_run=dry_run))
    return ExitCode.INFRASTRUCTURE if swept.failed else ExitCode.OK


def _unlock(settings: Settings, console: Console, lease: UUID) -> ExitCode:

    manager = WorkspaceManager.of(settings)
    line = force_unlock(manager, lease)
    end_abandoned(manager)
    console.result(sweep_line(line))
    return ExitCode.INFRASTRUCTURE if line.what is Swept.FAILED else ExitCode.OK


def _stop(settings: Settings, console: Console, run_id: str, *, as_json_text: bool) -> ExitCode:

    with console.working(f"Ending run {run_id}"):
        stopped = stop_run(WorkspaceManager.of(settings), run_id)
    plain = {"run_id": run_id, "pid": stopped.pid, "killed": stopped.killed, **sweep_dict(stopped.sweep)}
    console.result(as_json(plain) if as_json_text else stopped_text(stopped))
    return ExitCode.OK
