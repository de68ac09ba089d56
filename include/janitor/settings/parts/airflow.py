"""Where Airflow is, how to be let in, and what its runs validate when nobody says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import SecretStr

from janitor.domain.states import RunKind
from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Schedule, Variable

DEFAULT_DAG_ID = "validate_workers"
DEFAULT_CONFIG = "infra/workers-config.yaml"
SEQUENTIAL_DAG_ID = "run_janitor"
DEFAULT_REPOS_FILE = "infra/repos.yaml"


@dataclass(frozen=True, kw_only=True)
class PasswordLogin:
    """A user of Airflow's, whose password makes a token."""

    url: str
    username: str
    password: SecretStr


@dataclass(frozen=True, kw_only=True)
class TokenLogin:
    """A token that was made elsewhere, such as by Astronomer or by an identity provider."""

    url: str
    token: SecretStr


@dataclass(frozen=True, kw_only=True)
class MwaaLogin:
    """An environment of Amazon MWAA, to which AWS's credentials are the login."""

    environment: str


AirflowLogin = PasswordLogin | TokenLogin | MwaaLogin


class AirflowSettings(DeploymentSettings):
    """Airflow's address and login, the DAG, its defaults."""

    airflow_url: Annotated[str | None, Variable("JANITOR_AIRFLOW_URL")] = None
    airflow_username: Annotated[str | None, Variable("JANITOR_AIRFLOW_USERNAME")] = None
    airflow_password: Annotated[SecretStr | None, Variable("JANITOR_AIRFLOW_PASSWORD")] = None
    airflow_token: Annotated[SecretStr | None, Variable("JANITOR_AIRFLOW_TOKEN")] = None
    """Goes before user and password."""
    airflow_mwaa: Annotated[str | None, Variable("JANITOR_AIRFLOW_MWAA")] = None
    """Name of an environment of Amazon MWAA; goes before everything else."""
    airflow_dag_id: Annotated[str, Variable("JANITOR_AIRFLOW_DAG_ID")] = DEFAULT_DAG_ID
    default_config: Annotated[str, Variable("JANITOR_DEFAULT_CONFIG")] = DEFAULT_CONFIG
    """Workers config of a run that names none."""
    default_repos_file: Annotated[str, Variable("JANITOR_DEFAULT_REPOS_FILE")] = DEFAULT_REPOS_FILE
    """Repositories of a sequential run that names none."""
    schedule: Annotated[Schedule, Variable("JANITOR_SCHEDULE")] = ""
    """Cron expression of the nightly run; empty: off."""

    def dag_id_of(self, kind: RunKind) -> str:
        """The DAG that carries out runs of a kind."""
        return SEQUENTIAL_DAG_ID if kind is RunKind.SEQUENTIAL else self.airflow_dag_id

    @property
    def airflow_entrance(self) -> AirflowLogin:
        """How Airflow lets this deployment in. Raises SettingsError when a part of it is missing."""
        if self.airflow_mwaa is not None:
            return MwaaLogin(environment=self.airflow_mwaa)
        if self.airflow_token is None:
            url, username, password = self.airflow_login
            return PasswordLogin(url=url, username=username, password=SecretStr(password))
        return TokenLogin(url=self.airflow_address, token=self.airflow_token)

    @property
    def has_airflow_login(self) -> bool:
        """Whether no part of a login is missing."""
        if self.airflow_mwaa is not None:
            return True
        password = self.airflow_username is not None and self.airflow_password is not None
        return self.airflow_url is not None and (self.airflow_token is not None or password)

    @property
    def airflow_address(self) -> str:
        """URL of Airflow. Raises SettingsError when there is none."""
        if self.airflow_url is None:
            raise self._missing("airflow_url")
        return self.airflow_url.rstrip("/")

    @property
    def airflow_login(self) -> tuple[str, str, str]:
        """URL, user name and password of Airflow. Raises SettingsError when one is missing."""
        url = self.airflow_address
        if self.airflow_username is None:
            raise self._missing("airflow_username")
        return url, self.airflow_username, self._secret("airflow_password")
