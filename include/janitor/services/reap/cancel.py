"""Cancelling one run: its instances are ended as the emergency stop ends all of them, other runs go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import AirflowError, ConflictError, NotFoundError, SettingsError
from janitor.domain.identity import TAG_RUN
from janitor.domain.states import RunKind, RunStatus
from janitor.services.airflow.client import AirflowClient
from janitor.services.ending import terminate as terminating
from janitor.services.pool.release import release_run
from janitor.services.provider import provider_of
from janitor.services.reap import by_hand
from janitor.services.reap.by_hand import VERIFY_FOR, KillReport, Progress
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class Cancellable:
    """A run that something is left of."""

    run_id: UUID
    airflow_run_id: str
    config_path: str | None
    """None: it isn't planned yet."""
    unfinished: tuple[str, ...]
    """The repositories without a verdict."""
    instances: int
    """How many of its ledger rows are live."""
    kind: RunKind = RunKind.PARALLEL


def cancellable(settings: Settings, run_id: UUID, airflow_run_id: str, kind: RunKind = RunKind.PARALLEL) -> Cancellable:
    """What cancelling a run would end. A run that is over counts as long as an instance of it lives.

    Raises:
        ConflictError: It is over, and nothing of it lives.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        summary = named_queries().run_summary(connection, run_id=run_id)
        unfinished = store.unfinished_validations(connection, run_id) if summary else []
        alive = ledger.live_of_run(connection, run_id)
    if summary is not None and summary["completed_at"] is not None and not alive:
        raise ConflictError(
            f"run {run_id} is over since {summary['completed_at']:%Y-%m-%d %H:%M:%S} UTC ({summary['status']}), and no"
            " instance of it is alive: there is nothing to cancel"
        )
    return Cancellable(
        run_id=run_id,
        airflow_run_id=airflow_run_id,
        config_path=summary["config_file_path"] if summary else None,
        unfinished=tuple(name for _, name in unfinished),
        instances=len(alive),
        kind=kind,
    )


def cancel_run(
    settings: Settings,
    run: Cancellable,
    *,
    requested_by: str,
    progress: Progress,
    verify_for: timedelta = VERIFY_FOR,
) -> KillReport:
    """Stop a run, end its instances, and conclude what has no verdict yet as cancelled.

    An instance that a debug lease keeps is left alone. Repeating it ends what an earlier call left.

    Args:
        settings: Of the environment.
        run: Which.
        requested_by: Who wants it, for the record.
        progress: Takes a line for people at each step.
        verify_for: How long EC2 is asked whether everything is gone.

    Raises:
        WrongPlaceError: Its rows are in another place; nothing was changed.
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    by_tag_alone = not by_hand.is_place_known(settings, progress)
    with transaction(settings.writer_url) as connection:
        # First: whoever is about to launch for it asks for this.
        store.finish_run(connection, run.run_id, RunStatus.CANCELLED, f"cancelled by {requested_by}")
    problems = _stop_in_airflow(settings, run, progress)
    for validation_id in release_run(settings, run.run_id):
        progress(f"The task of validation {validation_id} is over; its pool ends the worker that was at it")
    scope = terminating.scope_of_run(run.run_id)
    was = by_hand.describe(settings, provider_of(settings).find(TAG_RUN, str(run.run_id)))
    progress(f"Terminating the instances of run {run.run_id}")
    ending = by_hand.end_by_hand(
        settings,
        scope,
        progress=progress,
        verify_for=verify_for,
        by_tag_alone=by_tag_alone,
        spare_kept=True,
        detail=f"cancel, by {requested_by}",
    )
    by_hand.settle(settings, [run.run_id], progress)
    return KillReport(
        terminated=ending.terminated,
        remaining=ending.left,
        kept=ending.kept,
        cancelled_runs=(run.airflow_run_id,),
        was=was,
        problems=problems,
    )


def _stop_in_airflow(settings: Settings, run: Cancellable, progress: Progress) -> tuple[str, ...]:
    """End the DAG run; returns what is in the way. Without Airflow nothing launches, and the ledger forbids it."""
    airflow_run_id = run.airflow_run_id
    try:
        with AirflowClient(settings, run.kind) as airflow:
            if not airflow.state(airflow_run_id).is_final:
                progress(f"Stopping run {airflow_run_id} in Airflow")
                airflow.mark_failed(airflow_run_id)
    except NotFoundError:
        pass  # deleted there
    except (AirflowError, SettingsError) as exc:
        return (f"its Airflow run {airflow_run_id} could not be stopped: {exc}",)
    return ()
