"""The tasks that aren't EC2's: plan, record, verdict. Each calls one service."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.utils.types import DagRunType

from janitor.domain.errors import DatabaseError, JanitorError, SettingsError
from janitor.domain.identity import run_id_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.run_conf import unknown_keys
from janitor.domain.states import RunKind, RunPurpose
from janitor.domain.views import RunView
from janitor.orchestration.failures import TaskFailed, as_airflow_failure, failed_task
from janitor.orchestration.metrics import count_verdict
from janitor.orchestration.telling import name_in_grid, note_run, tell_verdict
from janitor.orchestration.wiring import (
    PLANNED_ENVIRONMENT,
    PLANNED_POOL,
    current_settings,
    settings_for,
    settings_for_run,
)
from janitor.services.badges import publish_badges
from janitor.services.launch.plan import RunRequest, is_stale, plan_run
from janitor.services.news.delivering import tell_news
from janitor.services.report.reports import find_run_view
from janitor.services.result.record import record_validation
from janitor.services.result.run_metrics import tell_metrics
from janitor.services.result.verdict import close_run
from janitor.settings import Settings
from janitor.views.text.verdicts import failure_lines, run_note

log = LineLogger(__name__)

STALE_KEY = "stale"


@task
def plan() -> list[dict[str, str]]:
    """Read and check the config, write the run, return one entry for each repository."""
    return planned_entries(RunKind.PARALLEL)


def planned_entries(kind: RunKind) -> list[dict[str, str]]:
    """Plan the run of this task; one entry for each repository."""
    context = get_current_context()
    dag_run, params = context["dag_run"], context["params"]
    trigger = DagRunType(dag_run.run_type)
    due = dag_run.data_interval_end or dag_run.logical_date
    if trigger is DagRunType.SCHEDULED and due and is_stale(due, datetime.now(timezone.utc)):
        context["ti"].xcom_push(key=STALE_KEY, value=True)
        raise AirflowSkipException(f"the run was due at {due}, too long ago to be worth anything")
    try:
        settings = current_settings()
    except SettingsError as exc:
        raise as_airflow_failure(exc) from exc
    if refusal := unknown_keys(dag_run.conf, kind):
        note_run(settings, dag_run.run_id, refusal, kind)
        raise failed_task(refusal)
    minutes = params["timeout_minutes"]
    request = RunRequest(
        airflow_run_id=dag_run.run_id,
        trigger=trigger.value,
        config_path=params["config_path"],
        repository=params["repository"] or None,
        timeout=timedelta(minutes=minutes) if minutes else None,
        max_concurrent_instances=params.get("max_concurrent_instances") or None,
        rerun_of=params.get("rerun_of") or None,
        only_unsuccessful=bool(params.get("only_unsuccessful")),
        kind=kind,
        experiment=UUID(params["experiment"]) if params.get("experiment") else None,
    )
    try:
        planned = plan_run(settings, request)
    except JanitorError as exc:
        failure = as_airflow_failure(exc)
        if isinstance(failure, TaskFailed):
            note_run(settings, dag_run.run_id, str(exc), kind)
        raise failure from exc
    run_id = run_id_for(settings.deployment, dag_run.run_id)
    log.info("Janitor run %s; follow it with `make follow RUN_ID=%s`", run_id, run_id)
    return [
        {
            "validation_id": str(one.validation_id),
            "repository": one.repository_name,
            PLANNED_ENVIRONMENT: settings.environment,
            **({PLANNED_POOL: one.pool} if one.pool is not None else {}),
        }
        for one in planned
    ]


@task
def record(planned: dict[str, str]) -> str:
    """Write how one validation ended."""
    context, validation_id = get_current_context(), UUID(planned["validation_id"])
    context["repository"] = planned["repository"]
    try:
        settings = settings_for(planned)
        status = record_validation(settings, validation_id).status
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    name_in_grid(context, planned["repository"], status)
    count_verdict(settings, validation_id)
    for line in tell_verdict(settings, validation_id):
        log.info("%s", line)
    return status.value


@task
def verdict() -> str:
    """Judge the run; fails unless every repository is successful and nothing is left."""
    return verdict_of(RunKind.PARALLEL)


def verdict_of(kind: RunKind) -> str:
    """Judge the run of this task."""
    context = get_current_context()
    try:
        settings = settings_for_run(context)
        closed = close_run(settings, run_id_for(settings.deployment, context["dag_run"].run_id))
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    if closed is None:
        if _was_stale(context):
            return "stale: nothing was validated"
        raise failed_task("the run was never planned: see the log of `plan`")
    text = f"{closed.successful}/{closed.total} repositories successful"
    run = _noted(settings, context["dag_run"].run_id, text, kind)
    is_experiment = run is not None and run.purpose is RunPurpose.EXPERIMENT
    if run is not None and not is_experiment:
        tell_metrics(settings, run)
    tell_news(settings)
    publish_badges(settings)
    # An experiment that found its repository broken was carried out well.
    if closed.structural if is_experiment else closed.problems:
        # Where nobody knows better, the records' own words.
        told = closed.problems if run is None else (*closed.structural, *failure_lines(run))
        raise failed_task(text, *told)
    return text


def _noted(settings: Settings, airflow_run_id: str, text: str, kind: RunKind) -> RunView | None:
    """Put the run's note on it; returns what it was made of."""
    try:
        run = find_run_view(settings, airflow_run_id)
    except DatabaseError as exc:
        log.warning("the run is noted in short: %s", exc)
        run = None
    note_run(settings, airflow_run_id, text if run is None else run_note(run), kind)
    return run


def _was_stale(context: Any) -> bool:
    return bool(context["ti"].xcom_pull(task_ids="plan", key=STALE_KEY))
