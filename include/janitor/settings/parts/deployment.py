"""Which environment and deployment this is, and where its files are: what every other subject's settings stand on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from janitor.domain.errors import SettingsError
from janitor.settings.completeness import missing
from janitor.settings.project import env_file_path, where_to_put
from janitor.settings.variables import Variable, secrets_of, variables_of

STACK_ENV_NAME = "stack.env"


class StackKind(str, Enum):
    """Who runs Airflow, the database and the cloud of an environment."""

    EMBEDDED = "embedded"  # `make up` starts them on this machine
    EXTERNAL = "external"  # they exist already; their addresses are settings


class DeploymentSettings(BaseModel):
    """Environment, folders, identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: str
    project_root: Path
    state_dir: Annotated[Path, Variable("JANITOR_STATE_DIR")]
    """Everything that the local stack writes; `.local` under the project's root."""
    dags_folder: Annotated[Path, Variable("JANITOR_DAGS_FOLDER")]
    plugins_folder: Annotated[Path, Variable("JANITOR_PLUGINS_FOLDER")]
    examples_folder: Annotated[Path, Variable("JANITOR_EXAMPLES_FOLDER")]
    """Example workers; each folder in it becomes a git repository when the local stack starts."""
    inherited: Mapping[str, str] = Field(repr=False, exclude=True)
    """The part of the process environment that child processes may see."""

    stack: Annotated[StackKind, Variable("JANITOR_STACK")] = StackKind.EXTERNAL
    deployment: Annotated[str, Variable("JANITOR_DEPLOYMENT"), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    """Tag value that marks everything this deployment owns in the cloud."""

    @property
    def env_file(self) -> Path:
        """The file of this environment's settings."""
        return env_file_path(self.project_root, self.environment)

    @property
    def stack_env_file(self) -> Path:
        """The file that the local stack writes."""
        return self.state_dir / STACK_ENV_NAME

    def place_of(self, *fields: str) -> str:
        """Where a value of one of these belongs, as messages say it."""
        return where_to_put(self.project_root, self.environment, is_secret=self._has_secret(*fields))

    def _has_secret(self, *fields: str) -> bool:
        return not secrets_of(type(self)).isdisjoint(fields)

    def _secret(self, field: str) -> str:
        value: SecretStr | None = getattr(self, field)
        if value is None:
            raise self._missing(field)
        return value.get_secret_value()

    def _missing(self, field: str) -> SettingsError:
        name = variables_of(type(self))[field].name
        if self.stack is StackKind.EMBEDDED:
            return SettingsError(f"{name} is not set: the local stack has never been started; run `make up`")
        text = f"{name} is not set; put it in {self.place_of(field)}"
        others = [
            f"  {need.name}: {need.source}"
            # Whoever puts all of them where the first one goes must not put a secret there.
            + (f"; put it in {self.place_of(*need.fields)}" if self._has_secret(*need.fields) else "")
            for need in missing(dict(self))
            if need.name != name
        ]
        return SettingsError("\n".join([text, *(["Not set either:", *others] if others else [])]))
