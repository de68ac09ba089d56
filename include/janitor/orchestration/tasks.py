"""The tasks of `validate_workers` that aren't EC2's: plan, record, verdict. Each calls one service."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.utils.types import DagRunType

from janitor.domain.errors import JanitorError
from janitor.domain.identity import run_id_for
from janitor.orchestration.wiring import as_airflow_failure, current_settings, failed_task
from janitor.services.launch.plan import RunRequest, is_stale, plan_run
from janitor.services.result.record import record_validation
from janitor.services.result.verdict import close_run

STALE_KEY = "stale"


@task
def plan() -> list[dict[str, str]]:
    """Read and check the config, write the run, return one entry for each repository."""
    context = get_current_context()
    dag_run, params = context["dag_run"], context["params"]
    trigger = DagRunType(dag_run.run_type)
    due = dag_run.data_interval_end or dag_run.logical_date
    if trigger is DagRunType.SCHEDULED and due and is_stale(due, datetime.now(timezone.utc)):
        context["ti"].xcom_push(key=STALE_KEY, value=True)
        raise AirflowSkipException(f"the run was due at {due}, too long ago to be worth anything")
    minutes = params["timeout_minutes"]
    request = RunRequest(
        airflow_run_id=dag_run.run_id,
        trigger=trigger.value,
        config_path=params["config_path"],
        repository=params["repository"] or None,
        timeout=timedelta(minutes=minutes) if minutes else None,
        max_concurrent_instances=params["max_concurrent_instances"] or None,
    )
    try:
        planned = plan_run(current_settings(), request)
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    return [{"validation_id": str(one.validation_id), "repository": one.repository_name} for one in planned]


@task
def record(planned: dict[str, str]) -> str:
    """Write how one validation ended."""
    get_current_context()["repository"] = planned["repository"]
    try:
        return record_validation(current_settings(), UUID(planned["validation_id"])).status.value
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc


@task
def verdict() -> str:
    """Judge the run; fails unless every repository is successful and nothing is left."""
    context = get_current_context()
    try:
        settings = current_settings()
        closed = close_run(settings, run_id_for(settings.deployment, context["dag_run"].run_id))
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    if closed is None:
        if _was_stale(context):
            return "stale: nothing was validated"
        raise failed_task("the run was never planned: see the log of `plan`")
    text = f"{closed.successful}/{closed.total} repositories successful"
    if closed.problems:
        raise failed_task(text, *closed.problems)
    return text


def _was_stale(context: Any) -> bool:
    return bool(context["ti"].xcom_pull(task_ids="plan", key=STALE_KEY))
