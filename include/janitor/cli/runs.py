"""Starting a run and seeing it through: shared by `run` and `validate-all-workers`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from janitor.cli.console import Console
from janitor.cli.displays import display_for
from janitor.cli.exit_codes import ExitCode
from janitor.cli.follow import RECORD_MARGIN, Pace, RunSource, follow
from janitor.cli.render.json_views import as_json, run_dict
from janitor.cli.render.runs import advice_text, launching_line, results_text
from janitor.cli.session import Session
from janitor.domain.states import RunStatus
from janitor.domain.views import RunView
from janitor.services.config_files import load_config
from janitor.services.reports import find_run_view
from janitor.services.trigger import TriggeredRun, airflow_run_state, trigger_run
from janitor.settings import Settings

_LONGEST_INTERVAL = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """What the user asked for, checked."""

    config_path: str
    repository: str | None
    timeout_minutes: float | None
    timeout: timedelta
    grace: timedelta


def check_order(
    settings: Settings, *, config: str | None, repository: str | None, timeout_minutes: float | None
) -> RunOrder:
    """Check everything that can be checked before anything starts.

    Args:
        settings: Of the environment.
        config: As the user gave it, seen from the current folder; None is the environment's default.
        repository: The only one to validate, or None.
        timeout_minutes: Takes the place of the configuration's default.

    Raises:
        ConfigError: The configuration is wrong; it lists every problem.
        NotFoundError: The repository isn't in it.
    """
    path = config_path(settings, config)
    loaded = load_config(settings, path).config
    default = timedelta(minutes=timeout_minutes) if timeout_minutes is not None else None
    loaded.plan(default_timeout=default, only=repository)
    return RunOrder(
        config_path=path,
        repository=repository,
        timeout_minutes=timeout_minutes,
        timeout=default or loaded.default_timeout,
        grace=loaded.grace,
    )


def config_path(settings: Settings, given: str | None) -> str:
    """The configuration as Airflow finds it: relative to the project where it is inside, absolute elsewhere.

    A path is taken from the current folder, as everywhere, and else from the project's.
    """
    if given is None:
        return settings.default_config
    from_here = Path.cwd() / given
    if not from_here.exists():
        return given
    file = from_here.resolve()
    return str(file.relative_to(settings.project_root) if file.is_relative_to(settings.project_root) else file)


def start(settings: Settings, order: RunOrder) -> TriggeredRun:
    """Hand the run to Airflow.

    Raises:
        AirflowError: Airflow can't be reached or refused.
    """
    return trigger_run(
        settings,
        config_path=order.config_path,
        timeout_minutes=order.timeout_minutes,
        repo=order.repository,
    )


def announce(console: Console, settings: Settings, order: RunOrder, started: TriggeredRun, *, followed: bool) -> None:
    """Say that the run has started; without following, also how to watch it."""
    console.progress(launching_line(started.total_repositories))
    if not followed:
        console.progress(f"Run ID: {started.run_id}\n\n{advice_text(order.timeout, settings.environment)}")


def see_through(
    session: Session, console: Console, settings: Settings, order: RunOrder, started: TriggeredRun
) -> RunView:
    """Follow the run to its end.

    Raises:
        AirflowError: The run can't be followed to an end.
        DatabaseError: The records can't be read.
    """
    session.on_interrupt = (
        f"Run {started.run_id} goes on. Watch it with `make check-parallel-status ENV={settings.environment}`,"
        f" end it with `make kill-all-workers ENV={settings.environment}`."
    )
    source = RunSource(
        airflow_run_id=started.airflow_run_id,
        look=lambda: find_run_view(settings, started.airflow_run_id),
        airflow_ended=lambda: airflow_run_state(settings, started.airflow_run_id).is_final,
    )
    pace = Pace(interval=min(settings.poll_interval / 2, _LONGEST_INTERVAL), margin=order.grace + RECORD_MARGIN)
    with display_for(console, settings.environment) as display:
        run = follow(source, display, pace)
    session.on_interrupt = None
    return run


def print_results(console: Console, run: RunView, *, as_json_text: bool) -> None:
    """Print how the run ended."""
    now = datetime.now(timezone.utc)
    console.result(as_json(run_dict(run, now)) if as_json_text else f"\nRun ID: {run.run_id}\n{results_text(run, now)}")


def exit_code_of(run: RunView) -> ExitCode:
    """Exit code of a run that has ended."""
    if run.all_successful:
        return ExitCode.OK
    return ExitCode.INFRASTRUCTURE if run.status is RunStatus.ERROR else ExitCode.NOT_SUCCESSFUL
