"""The deployment on one screen."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.terminal_settings import has_screen
from janitor.domain.snapshot.alerts import Severity, alerts_of
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.report.log_link import page_url
from janitor.services.report.logs import tail_of_repository
from janitor.services.snapshot.take import take_snapshot
from janitor.views.document import as_json
from janitor.views.snapshot import dashboard_schema, snapshot_dict
from janitor.views.text.snapshot import snapshot_text


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor dashboard",
        "janitor dashboard --export | jq -r .sentence",
        "janitor dashboard --export --fail-on critical --env prod",
    ),
)
@click.option("--once", is_flag=True, help="Print it once also on a terminal, in the place of the screen.")
@click.option("--export", "exported", is_flag=True, help="Print the document janitor-dashboard/1 instead.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of that document, and ask nobody.")
@click.option(
    "--fail-on",
    type=click.Choice([one.value for one in Severity]),
    default=Severity.WARNING.value,
    show_default=True,
    help="From which alert on the exit code isn't 0.",
)
@shared_options
@pass_session
def dashboard(session: Session, once: bool, exported: bool, schema: bool, fail_on: str) -> ExitCode:
    """Show what broke, what lives, what it costs, and what somebody has to know of.

    On a terminal it is a screen that keeps itself up to date; elsewhere, and with --once, it is printed. Printed, the
    exit code is 0 without alerts, 1 with warnings, 3 with a critical one or where the database can't be read.
    """
    if schema:
        Console().result(dashboard_schema())
        return ExitCode.OK
    settings = session.settings()
    if has_screen() and not (once or exported):
        # Loaded for a screen alone: no other command needs it.
        from janitor.cli.screens.dashboard import LOG_LINES, Dashboard

        Dashboard(
            lambda ask: take_snapshot(settings, ask_airflow=ask),
            lambda snapshot: causes_of_snapshot(settings, snapshot),
            settings.environment,
            read_log=lambda repository, run_id: tail_of_repository(settings, repository, run_id, LOG_LINES),
            find_page=lambda page: page_url(
                settings, page.view, **({} if page.repository is None else {"r": page.repository})
            ),
        ).run()
        return ExitCode.OK
    snapshot = take_snapshot(settings)
    alerts, causes = alerts_of(snapshot), causes_of_snapshot(settings, snapshot)
    if exported:
        document = snapshot_dict(snapshot, alerts, causes, environment=settings.environment)
        Console().result(as_json(document))
    else:
        Console().result(snapshot_text(snapshot, alerts, causes))
    severities = {one.severity for one in alerts}
    if Severity.CRITICAL in severities:
        return ExitCode.INFRASTRUCTURE
    if Severity.WARNING in severities and fail_on == Severity.WARNING.value:
        return ExitCode.NOT_SUCCESSFUL
    return ExitCode.OK
