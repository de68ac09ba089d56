"""Whole reports, to read, to keep, or for a CI system."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from janitor.cli.completion import complete_subject
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.streams import write_file
from janitor.services.report.documents import ReportedRun, reports_of


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor report worker-basic",
        "janitor report 550e84 --html --output report.html",
        "janitor report 550e84 --junit --output janitor.xml --env dev",
        "janitor report worker-basic --json | jq '.validations[0].report.checks[].name'",
    ),
)
@click.argument("subject", metavar="REPO|RUN", shell_complete=complete_subject)
@click.option("--html", "as_html", is_flag=True, help="One HTML page that loads nothing from anywhere.")
@click.option(
    "--junit", "as_junit", is_flag=True, help="JUnit XML: a suite for each repository, a case for each check."
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file instead of standard output.",
)
@json_option
@shared_options
@pass_session
def report(
    session: Session, subject: str, *, as_html: bool, as_junit: bool, output: Path | None, as_json_text: bool
) -> ExitCode:
    """Show the whole report of a repository or a run.

    Of a repository its last validation, of a run all of its repositories: verdict, commit, what changed, cause, every
    check with its duration, notes, and what the verdict leaves unproven; as plain text, HTML, JUnit XML or JSON. A run
    is named as for query-parallel-run. Exit code 0, whatever the verdicts are.
    """
    if as_html + as_junit + as_json_text > 1:
        raise click.UsageError(
            "--html, --junit and --json are forms of one answer; give one of them", click.get_current_context()
        )
    reported = reports_of(session.settings(), subject)
    text = _text(reported, as_html=as_html, as_junit=as_junit, as_json_text=as_json_text)
    console = Console(quiet=as_json_text)
    if output is None:
        console.result(text.rstrip("\n"))
        return ExitCode.OK
    write_file(output, text if text.endswith("\n") else f"{text}\n")
    console.notice(f"Written to {output}")
    return ExitCode.OK


def _text(reported: ReportedRun, *, as_html: bool, as_junit: bool, as_json_text: bool) -> str:
    now = datetime.now(timezone.utc)
    if as_html:
        from janitor.cli.render.reports.html import reports_html

        return reports_html(reported, now)
    if as_junit:
        from janitor.cli.render.reports.junit import reports_junit

        return reports_junit(reported, now)
    if as_json_text:
        from janitor.views.document import as_json
        from janitor.views.reports import reports_dict

        return as_json(reports_dict(reported, now))
    from janitor.cli.render.reports.text import reports_text
    from janitor.protocol.text.plain_text import without_commands

    return without_commands(reports_text(reported, now))
