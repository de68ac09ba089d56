"""Runs of the maintenance DAG: started, looked at, and asked whether they are over."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from janitor.domain.errors import AirflowError, NotFoundError, SettingsError
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.maintenance.sweeping import IsOver
from janitor.settings import Settings

MAINTENANCE_DAG_ID = "parallel_maintenance_poc"


def airflow_run_id_of(run_id: str) -> str:
    """What Airflow calls a run that is started by hand: the same name is the same run."""
    return f"maintain__{run_id}"


def start_in_airflow(settings: Settings, run_id: str, conf: Mapping[str, Any]) -> str:
    """Start a run of the DAG; one of this name that exists already is fine. Returns Airflow's id of it.

    Raises:
        AirflowError: Airflow can't be reached or refused.
    """
    airflow_run_id = airflow_run_id_of(run_id)
    with AirflowClient(settings, dag_id=MAINTENANCE_DAG_ID) as airflow:
        airflow.trigger(airflow_run_id, conf)
    return airflow_run_id


def state_in_airflow(settings: Settings, airflow_run_id: str) -> AirflowRunState:
    """Airflow's word on a run. Raises as above, and NotFoundError where it knows none."""
    with AirflowClient(settings, dag_id=MAINTENANCE_DAG_ID) as airflow:
        return airflow.state(airflow_run_id)


def airflow_says_over(settings: Settings) -> IsOver:
    """Says whether a run of the maintenance DAG is over; False where Airflow doesn't say."""

    @cache
    def is_over(airflow_run_id: str) -> bool:
        try:
            with AirflowClient(settings, dag_id=MAINTENANCE_DAG_ID) as airflow:
                return airflow.state(airflow_run_id).is_final
        except NotFoundError:
            return True  # it was deleted, and with it whoever could go on
        except (AirflowError, SettingsError):
            return False

    return is_over
