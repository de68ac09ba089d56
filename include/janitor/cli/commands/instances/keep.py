"""A debug lease by hand."""

from __future__ import annotations

import getpass
import re
from datetime import timedelta

import click

from janitor.cli.completion import complete_repository, complete_running
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.keep import ended_dict, ended_text, lease_dict, lease_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.reap.reaping import LONGEST_LEASE
from janitor.services.reap.keep import end_lease, require_keepable
from janitor.services.reap.keep import keep as keep_instance
from janitor.views.document import as_json

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_SHORTEST = timedelta(minutes=1)


class Span(click.ParamType[timedelta]):
    """A duration such as `30m`, `2h` or `1h30m`; a bare number is minutes."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it; anything else is a usage error."""
        text = str(value).strip().lower()
        parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", f"{text}m" if re.fullmatch(r"\d+(\.\d+)?", text) else text)
        span = timedelta(seconds=0)
        if len(text) <= 20 and re.fullmatch(r"(?:\d+(?:\.\d+)?[smh])+|\d+(?:\.\d+)?", text):
            span = sum((timedelta(**{_UNITS[unit]: min(float(number), 1e6)}) for number, unit in parts), timedelta())
        if not _SHORTEST <= span <= LONGEST_LEASE:
            hours = LONGEST_LEASE.total_seconds() / 3600
            self.fail(f"{text[:40]!r} is no duration from 1m to {hours:g}h; write it as 30m, 2h or 1h30m", param, ctx)
        return span


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor keep --repo worker-basic --for 30m",
        "janitor keep --repo runpod-workers/worker-basic --for 2h --run-id 550e84",
        "janitor keep --repo worker-basic --end",
    ),
)
@click.option(
    "--repo",
    "repository",
    required=True,
    metavar="REPO",
    shell_complete=complete_repository,
    help="Name, or organization/name.",
)
@click.option("--for", "duration", type=Span(), help="How long from now: 30m, 2h, 1h30m; at most 8h.")
@click.option("--end", is_flag=True, help="End the lease instead.")
@click.option(
    "--run-id",
    metavar="RUN_ID",
    shell_complete=complete_running,
    help="Of which run, where instances of several are alive.",
)
@json_option
@shared_options
@pass_session
def keep(
    session: Session, *, repository: str, duration: timedelta | None, end: bool, run_id: str | None, as_json_text: bool
) -> ExitCode:
    """Keep a repository's instance alive for debugging.

    Nothing ends the instance before that time, save kill-all-workers and terminate. The money comes out of the day's
    budget. Repeat the command to prolong it.
    """
    if end == (duration is not None):
        raise click.UsageError("give either --for or --end", click.get_current_context())
    console = Console(quiet=as_json_text)
    settings = session.settings()
    recorded = "The lease may be recorded: run the same command again, or end it with --end."
    if duration is None:
        session.on_interrupt = recorded
        ended = end_lease(settings, repository, run_id=run_id)
        console.result(as_json(ended_dict(ended)) if as_json_text else ended_text(ended))
        return ExitCode.OK
    require_keepable(settings, repository, run_id=run_id)
    session.on_interrupt = recorded
    with console.working("Telling everything that ends instances"):
        lease = keep_instance(settings, repository, duration, requested_by=getpass.getuser(), run_id=run_id)
    console.result(as_json(lease_dict(lease)) if as_json_text else lease_text(lease, settings.environment))
    return ExitCode.OK
