"""Where Airflow is, and what its runs validate when nobody says."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr

from janitor.settings.deployment import DeploymentSettings
from janitor.settings.variables import Schedule, Variable

DEFAULT_DAG_ID = "validate_workers"
DEFAULT_CONFIG = "infra/workers-config.yaml"


class AirflowSettings(DeploymentSettings):
    """Airflow's address and login, the DAG, its defaults."""

    airflow_url: Annotated[str | None, Variable("JANITOR_AIRFLOW_URL")] = None
    airflow_username: Annotated[str | None, Variable("JANITOR_AIRFLOW_USERNAME")] = None
    airflow_password: Annotated[SecretStr | None, Variable("JANITOR_AIRFLOW_PASSWORD")] = None
    airflow_dag_id: Annotated[str, Variable("JANITOR_AIRFLOW_DAG_ID")] = DEFAULT_DAG_ID
    default_config: Annotated[str, Variable("JANITOR_DEFAULT_CONFIG")] = DEFAULT_CONFIG
    """Workers config of a run that names none."""
    schedule: Annotated[Schedule, Variable("JANITOR_SCHEDULE")] = ""
    """Cron expression of the nightly run; empty: off."""

    @property
    def airflow_login(self) -> tuple[str, str, str]:
        """URL, user name and password of Airflow. Raises SettingsError when one is missing."""
        for field in ("airflow_url", "airflow_username"):
            if getattr(self, field) is None:
                raise self._missing(field)
        assert self.airflow_url is not None
        assert self.airflow_username is not None
        return self.airflow_url.rstrip("/"), self.airflow_username, self._secret("airflow_password")
