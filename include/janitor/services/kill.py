"""The emergency stop: end every run and every instance of the deployment, and have EC2 confirm it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.errors import AirflowError, DatabaseError, NotFoundError
from janitor.domain.identity import run_id_for
from janitor.domain.states import RunStatus, TerminationReason
from janitor.services import terminate as terminating
from janitor.services.airflow_client import AirflowClient
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction

_VERIFY_FOR = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class KillReport:
    """What was ended, and what EC2 still shows."""

    terminated: tuple[str, ...]
    remaining: tuple[str, ...]
    cancelled_runs: tuple[str, ...]


def kill_all(settings: Settings, *, progress: Callable[[str], None]) -> KillReport:
    """Stop all runs, then terminate all instances.

    A dead Airflow or a dead Postgres is no reason to leave instances: it is said, and they are ended all the same.

    Raises:
        CloudError: EC2 can't be asked.
    """
    cancelled = _cancel_runs(settings, progress)
    progress("Terminating every instance of this deployment…")
    scope = terminating.scope_of_deployment(settings.deployment)
    try:
        terminated, remaining = terminating.terminate_and_verify(
            settings, scope, TerminationReason.OPERATOR_KILL, timeout=_VERIFY_FOR
        )
    except DatabaseError as exc:
        progress(f"The ledger can't be used; going by EC2's tags alone: {exc}")
        terminated, remaining = terminating.terminate_by_tag(settings, scope, timeout=_VERIFY_FOR)
    return KillReport(terminated=tuple(terminated), remaining=tuple(remaining), cancelled_runs=tuple(cancelled))


def _cancel_runs(settings: Settings, progress: Callable[[str], None]) -> list[str]:
    cancelled: list[str] = []
    try:
        with AirflowClient(settings) as airflow:
            for airflow_run_id in airflow.running():
                progress(f"Stopping run {airflow_run_id}")
                with transaction(settings.writer_url) as connection:
                    run_id = run_id_for(settings.deployment, airflow_run_id)
                    store.finish_run(connection, run_id, RunStatus.CANCELLED, "kill-all-workers")
                airflow.mark_failed(airflow_run_id)
                cancelled.append(airflow_run_id)
    except (AirflowError, NotFoundError, DatabaseError) as exc:
        progress(f"Runs could not be stopped, they may launch again: {exc}")
    return cancelled
