"""Reading the settings of one environment: every subject's together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from janitor.domain.errors import SettingsError
from janitor.settings.completeness import missing
from janitor.settings.own_stack import without_other_stacks
from janitor.settings.parts.agent import AgentSettings
from janitor.settings.parts.airflow import AirflowSettings
from janitor.settings.parts.cost_safety import CostSafetySettings
from janitor.settings.parts.database import DatabaseSettings
from janitor.settings.parts.deployment import STACK_ENV_NAME, StackKind
from janitor.settings.parts.infrastructure import INFRASTRUCTURE_ENV_NAME, NOT_MADE, InfrastructureSettings
from janitor.settings.parts.local_stack import LocalStackSettings
from janitor.settings.parts.maintenance import MaintenanceSettings
from janitor.settings.parts.pool import PoolSettings
from janitor.settings.parts.runpod import RunPodSettings
from janitor.settings.parts.validation import ValidationSettings
from janitor.settings.process import PROCESS_LABEL, inheritable, process_environment
from janitor.settings.project import folder_for_state, override_file_path, where_to_put
from janitor.settings.project import project_root as default_root
from janitor.settings.sources import (
    Source,
    collect,
    first_value,
    not_set,
    problems_of,
    read_env_file,
    read_if_there,
    unknown_names,
)
from janitor.settings.variables import secrets_of, variables_of

DEFAULT_ENVIRONMENT = "local"
_PATHS = {
    "dags_folder": "dags",
    "plugins_folder": "plugins",
    "examples_folder": "infra/local/workers",
    "prices_file": "infra/prices.yaml",
}
"""Relative to the project's root."""


# Bases in reverse: pydantic takes the last one's fields first.
class Settings(
    LocalStackSettings,
    PoolSettings,
    RunPodSettings,
    MaintenanceSettings,
    InfrastructureSettings,
    AirflowSettings,
    AgentSettings,
    ValidationSettings,
    CostSafetySettings,
    DatabaseSettings,
):
    """Settings of one environment, read once and handed to whoever needs them.

    Build it with `load_settings`. Values that an environment may lack are None; `writer_url`, `reader_url` and
    `airflow_login` raise a `SettingsError` that says where such a value belongs.
    """

    @property
    def is_applied(self) -> bool:
        """Whether they name what Terraform makes; never false but where `before_apply` was asked for."""
        return self.bucket != NOT_MADE

    def reload(self) -> Settings:
        """Read the same environment again, for example after the stack has written its file."""
        return load_settings(self.environment, environ=self.inherited, project_root=self.project_root)


def load_settings(
    environment_name: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    project_root: Path | None = None,
    before_apply: bool = False,
) -> Settings:
    """Read the settings of one environment.

    Args:
        environment_name: Name of the environment; default: JANITOR_ENV, then ENV, then `local`.
        environ: Process environment; default: that of this process.
        project_root: The checkout; default: the one that this package is in.
        before_apply: What Terraform is yet to make may be missing.

    Raises:
        SettingsError: the environment is unknown, or values are missing or wrong (all problems are named at once, each
            with its variable and file), or the process names another embedded stack than the checkout's.
    """
    process = process_environment(environ)
    root = (project_root or default_root(process)).resolve()
    name = environment_name or process.get("JANITOR_ENV") or process.get("ENV") or DEFAULT_ENVIRONMENT
    process["JANITOR_ENV"] = name
    committed = read_env_file(root, name)
    override = read_if_there(override_file_path(root, name), root)

    variables = variables_of(Settings)
    problems = [*unknown_names(override, variables), *unknown_names(committed, variables)]
    sources = [_own(process), override, committed]
    state_dir = folder_for_state(root) / first_value("JANITOR_STATE_DIR", sources, ".local")
    # Only an environment with an embedded stack reads the stack's file: it never leaks into dev or prod.
    is_embedded = first_value("JANITOR_STACK", sources, "") == StackKind.EMBEDDED.value
    if is_embedded:
        written = read_if_there(state_dir / STACK_ENV_NAME, root)
        process = without_other_stacks(process, written)
        made = read_if_there(state_dir / INFRASTRUCTURE_ENV_NAME, root)
        sources = [_own(process), written, override, made, committed]
    values, origins = collect(variables, sources, Source(PROCESS_LABEL, process), ambient_before_files=not is_embedded)

    values |= {"environment": name, "project_root": root, "state_dir": state_dir}
    values["inherited"] = inheritable(process)
    for field, default in _PATHS.items():
        values[field] = root / values.get(field, default)
    if values.get("stack") == StackKind.EMBEDDED.value:
        values.setdefault("deployment", _deployment_of(state_dir))
    if before_apply:
        values.setdefault("bucket", NOT_MADE)

    def place(*fields: str) -> str:
        return where_to_put(root, name, is_secret=not secrets_of(Settings).isdisjoint(fields))

    try:
        settings = Settings(**values)
    except ValidationError as exc:
        problems.extend(problems_of(exc, variables, origins, place))
    if problems:
        problems = _with_all_missing(problems, values, place)
        raise SettingsError(f"settings of ENV={name} can't be used:\n" + "\n".join(f"  {p}" for p in problems))
    return settings


def _with_all_missing(problems: Sequence[str], values: Mapping[str, Any], place: Callable[..., str]) -> list[str]:
    """The problems, with everything that a deployment needs and lacks, and where it comes from: who has to add one
    setting should add all of them at once."""
    if values.get("stack") == StackKind.EMBEDDED.value:
        return list(problems)
    lacking = {need.name: need for need in missing(values)}
    others = [problem for problem in problems if problem.partition(":")[0] not in lacking]
    return [*others, *(f"{not_set(name, place(*need.fields))} ({need.source})" for name, need in lacking.items())]


def _own(process: Mapping[str, str]) -> Source:
    return Source(PROCESS_LABEL, {name: value for name, value in process.items() if name.startswith("JANITOR_")})


def _deployment_of(state_dir: Path) -> str:
    """Name a checkout's deployment until the stack pins it in its file: the same each time, another elsewhere."""
    return f"local-{hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:8]}"
