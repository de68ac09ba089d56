"""Starting a run and seeing it through: shared by `run`, `validate-all-workers` and `rerun`."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone

from janitor.cli.displays import display_for
from janitor.cli.exit_codes import ExitCode
from janitor.cli.follow import RECORD_MARGIN, Pace, RunSource, follow
from janitor.cli.orders import RunOrder
from janitor.cli.render.runs.runs import advice_text, cost_lines, launching_line, results_text
from janitor.cli.session import Session
from janitor.cli.terminal.console import Console
from janitor.cli.web import print_link
from janitor.domain.errors import (
    AirflowError,
    AirflowRunEndedError,
    AirflowUnaskedError,
    BudgetRefusedError,
    DatabaseError,
    NotFoundError,
)
from janitor.domain.states import RunStatus
from janitor.domain.views import RunView
from janitor.services.airflow.trigger import TriggeredRun, airflow_run_state, trigger_run
from janitor.services.airflow.turn import run_ahead
from janitor.services.deployment import find_running
from janitor.services.money.budget import refusal_of
from janitor.services.report.progress import ProgressReader
from janitor.services.report.reports import find_run_view, run_view
from janitor.settings import Settings
from janitor.views.document import as_json
from janitor.views.runs import run_dict

_LONGEST_INTERVAL = timedelta(seconds=5)
_NOTHING_STARTED = "Nothing was started."


def start(session: Session, settings: Settings, order: RunOrder) -> TriggeredRun:
    """Hand the run to Airflow.

    Until somebody follows the run, an interruption says that nothing was started, that it may have, or that it goes on.

    Raises:
        AirflowError: Airflow can't be reached or refused.
        BudgetRefusedError: The budget doesn't allow the run.
    """
    asked, session.on_interrupt = order.request, _NOTHING_STARTED

    def sending() -> None:
        session.on_interrupt = (
            f"The run may have started: `make check-parallel-status ENV={settings.environment}` shows it,"
            f" `make kill-all-workers ENV={settings.environment}` ends it."
        )

    try:
        started = trigger_run(
            settings,
            config_path=asked.config_path,
            timeout_minutes=order.timeout_minutes,
            repo=asked.repository,
            max_concurrent_instances=asked.max_concurrent_instances,
            rerun_of=asked.rerun_of,
            only_unsuccessful=asked.only_unsuccessful,
            kind=asked.kind,
            sending=sending,
        )
    except AirflowUnaskedError:
        session.on_interrupt = _NOTHING_STARTED
        raise
    session.on_interrupt = goes_on(settings, started)
    return started


def announce(console: Console, settings: Settings, order: RunOrder, started: TriggeredRun, *, followed: bool) -> None:
    """Say that the run has started; without following, also how to watch it."""
    console.progress(launching_line(started.total_repositories, started.kind))
    if not followed:
        console.progress(f"Run ID: {started.run_id}\n\n{advice_text(order.blueprint.timeout, settings.environment)}")


def see_through(
    session: Session, console: Console, settings: Settings, started: TriggeredRun, *, grace: timedelta
) -> RunView:
    """Follow a run to its end.

    Args:
        session: Learns what Ctrl-C, SIGTERM and SIGHUP leave behind.
        console: Where the run is shown.
        settings: Of the environment.
        started: The run.
        grace: What a validation gets after its hard limit.

    Raises:
        AirflowError: The run can't be followed to an end.
        BudgetRefusedError: The budget didn't allow it any more when it was planned.
        DatabaseError: The records can't be read.
    """
    session.on_interrupt = goes_on(settings, started)
    progress = ProgressReader(settings, notice=console.notice)
    source = RunSource(
        airflow_run_id=started.airflow_run_id,
        look=lambda: _look(settings, started.airflow_run_id, progress),
        airflow_ended=lambda: _ended_in_airflow(settings, started),
        ahead=lambda: run_ahead(settings, started),
    )
    pace = Pace(interval=min(settings.poll_interval / 2, _LONGEST_INTERVAL), margin=grace + RECORD_MARGIN)
    with display_for(console, settings.environment) as display:
        try:
            shown = console.terminal.interactive and not console.quiet
            run = follow(source, display, pace, notice=console.notice, shown=shown)
        except AirflowError as error:
            if isinstance(error, AirflowRunEndedError):
                session.on_interrupt = None  # nothing goes on that could be followed
            with suppress(DatabaseError):  # Airflow's word is the cause, whatever is away beside it
                if (refused := refusal_of(settings, started.airflow_run_id)) is not None:
                    raise BudgetRefusedError(refused) from None
            raise
    session.on_interrupt = None
    return run


def _look(settings: Settings, airflow_run_id: str, progress: ProgressReader) -> RunView | None:
    run = find_run_view(settings, airflow_run_id)
    return None if run is None else progress.added_to([run])[0]


def goes_on(settings: Settings, started: TriggeredRun) -> str:
    """What is left behind by whoever stops following: the run's id, how to follow it, and how to end it."""
    environment = settings.environment
    return (
        f"Run {started.run_id} goes on. Follow it with `make follow RUN_ID={started.run_id} ENV={environment}`,"
        f" watch it with `make check-parallel-status ENV={environment}`,"
        f" end it with `make cancel RUN_ID={started.run_id} ENV={environment}`,"
        f" or everything with `make kill-all-workers ENV={environment}`."
    )


def find_started(settings: Settings, run_id: str) -> TriggeredRun:
    """A run that was started before, planned or not.

    Args:
        settings: Of the environment.
        run_id: As for `run_view`.

    Raises:
        NotFoundError: Neither the records nor Airflow know it.
    """
    try:
        run = run_view(settings, run_id)
    except NotFoundError:
        # Not planned yet: until then only Airflow knows it, by its own id.
        started = find_running(settings, run_id)
        if started is None:
            raise
        return started
    return TriggeredRun(
        run_id=run.run_id,
        airflow_run_id=run.airflow_run_id,
        total_repositories=run.total_repositories,
        kind=run.kind,
    )


def _ended_in_airflow(settings: Settings, started: TriggeredRun) -> bool:
    try:
        return airflow_run_state(settings, started.airflow_run_id, started.kind).is_final
    except NotFoundError:
        return True  # deleted there


def print_results(console: Console, settings: Settings, run: RunView, *, as_json_text: bool) -> None:
    """Print how the run ended, and where the web has it."""
    now = datetime.now(timezone.utc)
    if as_json_text:
        console.result(as_json(run_dict(run, now)))
        return
    results = results_text(run, now, settings.environment, columns=console.columns)
    console.answer("\n".join(["", f"Run ID: {run.run_id}", *cost_lines(run), results]))
    print_link(console, settings, run)


def exit_code_of(run: RunView) -> ExitCode:
    """Exit code of a run that has ended."""
    if run.all_successful:
        return ExitCode.OK
    return ExitCode.INFRASTRUCTURE if run.status is RunStatus.ERROR else ExitCode.NOT_SUCCESSFUL


def carry_out(
    session: Session, console: Console, settings: Settings, order: RunOrder, *, follow: bool, as_json_text: bool
) -> ExitCode:
    """Start a run, follow it if wanted, and print how it ended, or its ids.

    Raises: as for `start` and `see_through`.
    """
    started = start(session, settings, order)
    announce(console, settings, order, started, followed=follow)
    if not follow:
        if as_json_text:
            console.result(as_json({"run_id": str(started.run_id), "airflow_run_id": started.airflow_run_id}))
        return ExitCode.OK
    ended = see_through(session, console, settings, started, grace=order.blueprint.grace)
    print_results(console, settings, ended, as_json_text=as_json_text)
    return exit_code_of(ended)
