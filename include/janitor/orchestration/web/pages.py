"""Janitor's pages with Airflow's login and rights before them."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, FastAPI

from janitor.orchestration.web.heartbeats import Heartbeats
from janitor.orchestration.wiring import current_settings
from janitor.web.app import pages


def janitor_pages(dag_id: str) -> FastAPI:
    """The app; Airflow mounts it.

    Args:
        dag_id: Whoever may read this DAG may read the pages; whoever may edit it may acknowledge a failure.
    """
    edits: Any = Depends(requires_access_dag("PUT", param_dag_id=dag_id))
    logged_in: Any = Depends(get_user)

    def editor(_: None = edits, user: Any = logged_in) -> str:
        return str(user.get_name())

    return pages(
        requires_access_dag("GET", param_dag_id=dag_id),
        current_settings,
        may_edit=editor,
        may_read_logs=requires_access_dag("GET", DagAccessEntity.TASK_LOGS, param_dag_id=dag_id),
        airflow_problems=Heartbeats().problems,
    )
