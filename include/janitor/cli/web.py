"""Where the web has what a command is about."""

from __future__ import annotations

from janitor.cli.terminal.console import Console
from janitor.domain.views import RunView
from janitor.services.report.log_link import run_url
from janitor.settings import Settings, StackKind


def print_link(console: Console, settings: Settings, run: RunView) -> None:
    """Print where the web has a run; nothing where the web UI's address isn't known."""
    page = run_url(settings, run.airflow_run_id, run.kind)
    if page is not None:
        after = "" if settings.stack is StackKind.EXTERNAL else " (login: make status)"
        console.link("Web UI: ", page, shown=f"{settings.airflow_url} (this run)", after=after)
