"""The list of runs."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.runs.run_list import runs_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.report.run_list import latest_runs
from janitor.views.document import as_json
from janitor.views.runs import summary_dict


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor runs",
        "janitor runs --limit 50 --env dev",
        "janitor runs --json | jq -r '.runs[] | select(.status == \"failed\") | .run_id'",
    ),
)
@click.option("--limit", type=Count(1, 1_000), default=20, show_default=True, help="How many, the newest first.")
@json_option
@shared_options
@pass_session
def runs(session: Session, limit: int, as_json_text: bool) -> ExitCode:
    """List the last runs.

    A line for each, the newest first: its id, what triggered it, when it started, how long it took, its status, how
    many of its repositories are successful, and what it cost.
    """
    found = latest_runs(session.settings(), limit)
    now = datetime.now(timezone.utc)
    answer = as_json({"runs": [summary_dict(run, now) for run in found]}) if as_json_text else runs_text(found, now)
    Console().result(answer)
    return ExitCode.OK
