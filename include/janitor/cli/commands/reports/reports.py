"""Questions about runs: what is going on, one run in full, a repository's history."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from janitor.cli.completion import complete_repository, complete_run
from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.keep import kept_dicts, kept_text
from janitor.cli.render.runs.history import history_text
from janitor.cli.render.runs.runs import run_text, running_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.cli.terminal.streams import write_file
from janitor.cli.terminal.terminal_settings import step_summary
from janitor.cli.web import print_link
from janitor.services.reap.keep import kept_instances
from janitor.services.report.progress import ProgressReader
from janitor.services.report.reports import repository_history, run_view, running_runs
from janitor.settings import Settings
from janitor.views.document import as_json
from janitor.views.runs import run_dict, validation_dicts


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor check-parallel-status",
        "janitor check-parallel-status --env dev --json | jq '.runs[].remaining_seconds'",
    ),
)
@json_option
@shared_options
@pass_session
def check_parallel_status(session: Session, as_json_text: bool) -> ExitCode:
    """Show the runs that are going on.

    For each run: its id, when it started, its timeout and the time that remains, and every repository's state with the
    time elapsed, the check that it is at, and what is left by its last time; below, the instances that `keep` holds.
    """
    settings, console = session.settings(), Console()
    progress = ProgressReader(settings, notice=console.notice)
    runs, kept = progress.added_to(running_runs(settings)), kept_instances(settings)
    now = datetime.now(timezone.utc)
    if as_json_text:
        console.result(as_json({"runs": [run_dict(run, now) for run in runs], "kept": kept_dicts(kept)}))
    else:
        console.answer("\n\n".join(filter(None, (running_text(runs, now), kept_text(kept, now)))))
    return ExitCode.OK


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor query-parallel-run 550e8400-e29b-41d4-a716-446655440000",
        "janitor query-parallel-run 550e84 --json",
        "janitor query-parallel-run 550e84 --junit janitor.xml --github",
        "janitor query-parallel-run scheduled__2026-01-01T03:00:00+00:00",
    ),
)
@click.argument("run_id", shell_complete=complete_run)
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write JUnit XML: a suite for each repository, a case for each check.",
)
@click.option(
    "--github",
    is_flag=True,
    help="Also annotate what isn't well, and add a summary to the page of GitHub's run (GITHUB_STEP_SUMMARY).",
)
@json_option
@shared_options
@pass_session
def query_parallel_run(
    session: Session, run_id: str, *, junit: Path | None, github: bool, as_json_text: bool
) -> ExitCode:
    """Show one run with all of its results.

    RUN_ID is the run's id, its first six characters or more, or the id that Airflow gave it.
    """
    if github and as_json_text:
        raise click.UsageError(
            "--github writes beside the answer, and --json is one document; give one of them",
            click.get_current_context(),
        )
    settings, console = session.settings(), Console()
    run = run_view(settings, run_id)
    now = datetime.now(timezone.utc)
    if junit is not None or github:
        _write_for_ci(settings, console, str(run.run_id), now, junit=junit, github=github)
    if as_json_text:
        console.result(as_json(run_dict(run, now)))
    else:
        console.answer(run_text(run, now, settings.environment, columns=console.columns))
        print_link(console, settings, run)
    return ExitCode.OK


def _write_for_ci(
    settings: Settings, console: Console, run_id: str, now: datetime, *, junit: Path | None, github: bool
) -> None:
    from janitor.cli.render.reports.github import run_annotations, run_summary
    from janitor.cli.render.reports.junit import reports_junit
    from janitor.services.report.documents import reports_of

    reported = reports_of(settings, run_id)
    if junit is not None:
        write_file(junit, reports_junit(reported, now))
        console.notice(f"Written to {junit}")
    if github:
        console.annotations(run_annotations(reported, now))
        page = step_summary()
        if page is not None:
            write_file(page, run_summary(reported, now), mode="a")


@click.command(
    cls=ExampleCommand,
    examples=("janitor query-db worker-basic", "janitor query-db runpod-workers/worker-basic --limit 20 --json"),
)
@click.argument("repo", shell_complete=complete_repository)
@click.option("--limit", type=Count(1, 1_000), default=5, show_default=True, help="How many validations.")
@json_option
@shared_options
@pass_session
def query_db(session: Session, repo: str, limit: int, as_json_text: bool) -> ExitCode:
    """Show a repository's last validations.

    Prompt, time, status, instance, execution time, build, container and GPU of the latest one, then one line for each
    earlier one.
    """
    validations = repository_history(session.settings(), repo, limit)
    now = datetime.now(timezone.utc)
    console = Console()
    if as_json_text:
        console.result(as_json({"repository": repo, "validations": validation_dicts(validations, now)}))
    else:
        console.answer(history_text(validations, now))
    return ExitCode.OK
