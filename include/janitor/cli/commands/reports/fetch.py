"""The reports of a run, into a folder."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from janitor.cli.completion import complete_run
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.reports.fetched import fetched_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.streams import not_written
from janitor.services.report.fetch import FetchedRun, fetch_reports, file_names
from janitor.views.document import as_json
from janitor.views.fetched import fetched_dict

_FOLDER = "janitor-reports"


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor fetch-report --env dev",
        "janitor fetch-report 550e84 --to reports",
        "janitor fetch-report --json | jq -r '.reports[].file'",
    ),
)
@click.argument("run_id", required=False, shell_complete=complete_run)
@click.option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=_FOLDER,
    show_default=True,
    help="Where they go, into a folder of the run's id.",
)
@json_option
@shared_options
@pass_session
def fetch_report(session: Session, run_id: str | None, *, folder: Path, as_json_text: bool) -> ExitCode:
    """Bring the reports of a run into a folder, and say what they hold.

    RUN_ID is as for query-parallel-run; default: the last sequential run. Each report is the JSON document as it lies
    in storage, below the run's id as ORGANIZATION/NAME.json; one that was changed since its verdict was drawn is told
    and not written. Exit code 1 where one is missing or was changed, whatever the verdicts are.
    """
    console = Console(quiet=as_json_text)
    fetched = fetch_reports(session.settings(), run_id)
    target = folder / str(fetched.run.run_id)
    _write(fetched, target)
    now = datetime.now(timezone.utc)
    console.result(as_json(fetched_dict(fetched, target, now)) if as_json_text else fetched_text(fetched, target, now))
    return ExitCode.OK if all(each.problem is None for each in fetched.reports) else ExitCode.NOT_SUCCESSFUL


def _write(fetched: FetchedRun, target: Path) -> None:
    names = file_names(fetched.reports)
    for each in fetched.reports:
        if each.content is None or each.problem is not None:
            continue
        path = target / names[each.validation.validation_id]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(each.content)
        except OSError as error:
            raise not_written(f"{path} can't be written", error) from error
