"""Whether Airflow's own run of a shard is over, asked once for each run."""

from __future__ import annotations

from functools import cache

from janitor.domain.errors import AirflowError, NotFoundError, SettingsError
from janitor.services.airflow.client import AirflowClient
from janitor.services.maintenance.sweeping import IsOver
from janitor.settings import Settings

MAINTENANCE_DAG_ID = "parallel_maintenance_poc"


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
