"""Starting a run through Airflow, and asking what Airflow makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from janitor.domain.identity import run_id_for
from janitor.domain.states import RunKind
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.launch.plan import RunRequest, check_request
from janitor.settings import Settings

__all__ = ["AirflowRunState", "TriggeredRun", "airflow_run_state", "trigger_run"]


@dataclass(frozen=True, kw_only=True)
class TriggeredRun:
    """A run that Airflow has accepted."""

    run_id: UUID
    airflow_run_id: str
    total_repositories: int
    kind: RunKind = RunKind.PARALLEL


def trigger_run(
    settings: Settings,
    *,
    config_path: str,
    timeout_minutes: float | None = None,
    repo: str | None = None,
    max_concurrent_instances: int | None = None,
    rerun_of: str | None = None,
    only_unsuccessful: bool = False,
    kind: RunKind = RunKind.PARALLEL,
    sending: Callable[[], None] = lambda: None,
) -> TriggeredRun:
    """Check the config, or the run that is to be done again, then start a run.

    Args:
        settings: Of the environment.
        config_path, timeout_minutes, repo, max_concurrent_instances, rerun_of, only_unsuccessful, kind: See
            `RunRequest`.
        sending: Called right before Airflow is asked for the run: until then nothing can have started.

    Raises:
        ConfigError, NotFoundError, ConflictError: What was asked for is wrong; nothing was started.
        BudgetRefusedError: The budget doesn't allow the run; nothing was started.
        AirflowError: Airflow can't be reached or refused; AirflowUnaskedError where the run can't have started.
    """
    airflow_run_id = f"janitor__{uuid4()}"
    total = check_request(
        settings,
        RunRequest(
            airflow_run_id=airflow_run_id,
            trigger="manual",
            config_path=config_path,
            repository=repo,
            timeout=timedelta(minutes=timeout_minutes) if timeout_minutes else None,
            rerun_of=rerun_of,
            only_unsuccessful=only_unsuccessful,
            kind=kind,
        ),
    )
    conf = {
        "config_path": config_path if rerun_of is None else None,
        "repository": repo,
        "timeout_minutes": timeout_minutes,
        "max_concurrent_instances": max_concurrent_instances,
        "rerun_of": rerun_of,
        "only_unsuccessful": only_unsuccessful or None,
    }
    with AirflowClient(settings, kind) as airflow:
        sending()
        airflow.trigger(airflow_run_id, {key: value for key, value in conf.items() if value is not None})
    return TriggeredRun(
        run_id=run_id_for(settings.deployment, airflow_run_id),
        airflow_run_id=airflow_run_id,
        total_repositories=total,
        kind=kind,
    )


def airflow_run_state(settings: Settings, airflow_run_id: str, kind: RunKind = RunKind.PARALLEL) -> AirflowRunState:
    """What Airflow says of a run.

    Raises:
        AirflowError: Airflow can't be reached.
        NotFoundError: Airflow doesn't know the run.
    """
    with AirflowClient(settings, kind) as airflow:
        return airflow.state(airflow_run_id)
