"""Janitor's pages with Airflow's login and rights before them."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import FastAPI

from janitor.orchestration.wiring import current_settings
from janitor.web.app import pages


def janitor_pages(dag_id: str) -> FastAPI:
    """The app; Airflow mounts it.

    Args:
        dag_id: Whoever may read this DAG may read the pages.
    """
    return pages(requires_access_dag("GET", param_dag_id=dag_id), current_settings)
