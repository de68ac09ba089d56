"""Settling what was abandoned, so that no validation stays open for good and no result is lost.

Recording reads the report from storage: a validation that finished is kept as it ended, though its run is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.errors import AirflowError, CloudError, NotFoundError, SettingsError
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import ReaperAction, RunKind, RunStatus
from janitor.services.airflow.client import AirflowClient
from janitor.services.money.budget import settle_reservations
from janitor.services.money.kept_costs import keep_costs
from janitor.services.result.record import record_validation
from janitor.services.result.verdict import close_run
from janitor.settings import Settings
from janitor.stores import reaping as store
from janitor.stores import validations
from janitor.stores.database import transaction

log = LineLogger(__name__)


@dataclass(kw_only=True)
class SettleReport:
    """What was settled; in a dry run, what would be."""

    settled: list[UUID] = field(default_factory=list)
    runs_closed: list[UUID] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def settle_abandoned(settings: Settings, *, dry_run: bool = False) -> SettleReport:
    """Conclude validations whose time is over, and runs that Airflow no longer works on; then release money.

    A run that Airflow still works on is left alone, but for its validations that nothing can bring to an end any more.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    report = SettleReport()
    _settle_expired(settings, report, dry_run)
    _close_runs(settings, report, dry_run)
    if not dry_run:
        settle_reservations(settings)
        keep_costs(settings)
    return report


def _settle_expired(settings: Settings, report: SettleReport, dry_run: bool) -> None:
    with transaction(settings.writer_url) as connection:
        expired_before = datetime.now(timezone.utc) - settings.reap_interval
        abandoned = store.abandoned_validations(connection, settings.deployment, expired_before)
    for validation_id, repository in abandoned:
        _record(settings, report, validation_id, repository, dry_run)


def _close_runs(settings: Settings, report: SettleReport, dry_run: bool) -> None:
    with transaction(settings.writer_url) as connection:
        runs = store.open_runs(connection, settings.deployment)
    if not runs:
        return
    ended: list[store.OpenRun] = []
    for kind in {run.kind: None for run in runs}:
        try:
            ended += _ended_in_airflow(settings, kind, [run for run in runs if run.kind is kind])
        except (AirflowError, NotFoundError, SettingsError) as exc:
            # An Airflow that doesn't know the DAG itself says nothing of its runs.
            report.notes.append(f"runs that Airflow has ended are looked at next time: {exc}")
    for run in ended:
        with transaction(settings.writer_url) as connection:
            unfinished = validations.unfinished_validations(connection, run.run_id)
        recorded = [_record(settings, report, one, name, dry_run) for one, name in unfinished]
        if not all(recorded) or run.status is not RunStatus.RUNNING:
            continue
        _close(settings, report, run, dry_run)


def _ended_in_airflow(settings: Settings, kind: RunKind, runs: list[store.OpenRun]) -> list[store.OpenRun]:
    """Of a kind's runs those that Airflow has ended or doesn't know: deleted there, or in a database that is gone."""
    ended: list[store.OpenRun] = []
    with AirflowClient(settings, kind) as airflow:
        # One question for all; only a run that it doesn't name is asked for by itself.
        going_on = set(airflow.running())
        for run in runs:
            if run.airflow_run_id in going_on:
                continue
            try:
                if airflow.state(run.airflow_run_id).is_final:
                    ended.append(run)
            except NotFoundError:
                ended.append(run)
    return ended


def _record(settings: Settings, report: SettleReport, validation_id: UUID, repository: str, dry_run: bool) -> bool:
    if not dry_run:
        try:
            conclusion = record_validation(settings, validation_id)
        except CloudError as exc:
            log.warning("validation %s of %s: %s", validation_id, repository, exc)
            report.problems.append(f"validation {validation_id} of {repository} can't be recorded: {exc}")
            return False
        _keep_event(
            settings, ReaperAction.VALIDATION_SETTLED, validation_id, f"{repository}: {conclusion.status.value}"
        )
    report.settled.append(validation_id)
    return True


def _close(settings: Settings, report: SettleReport, run: store.OpenRun, dry_run: bool) -> None:
    if not dry_run:
        try:
            verdict = close_run(settings, run.run_id)
        except CloudError as exc:
            log.warning("run %s: %s", run.run_id, exc)
            report.problems.append(f"run {run.run_id} can't be closed: {exc}")
            return
        if verdict is None:
            return
        _keep_event(settings, ReaperAction.RUN_CLOSED, run.run_id, verdict.status.value)
    report.runs_closed.append(run.run_id)


def _keep_event(settings: Settings, action: ReaperAction, subject: UUID, detail: str) -> None:
    with transaction(settings.writer_url) as connection:
        store.add_event(connection, settings.deployment, action, subject=str(subject), detail=detail)
