"""Where Airflow's processes get their settings from: once per process, at run time, never while a DAG is parsed.

`plan` writes into its answer which environment it planned for. Whoever goes on with that run is of the same one, or
stops: it would look for the run in another database, and for its instances in another cloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from janitor.domain.errors import WrongEnvironmentError
from janitor.settings import DagSettings, Settings, component_environment, load_dag_settings, load_settings

PLANNED_ENVIRONMENT, PLANNED_POOL = "environment", "pool"
"""Keys of what `plan` returns; the second for a repository that a pool's workers validate, and for no other."""


@cache
def current_settings() -> Settings:
    """The settings of this process's environment.

    Raises:
        SettingsError: JANITOR_ENV isn't set here, or a variable is missing or wrong.
    """
    return load_settings(component_environment())


def parsing_settings() -> DagSettings:
    """What a DAG file needs while it is parsed.

    Raises:
        SettingsError: JANITOR_ENV isn't set here, or a variable of DAG parsing is wrong.
    """
    component_environment()
    return load_dag_settings()


def settings_for(planned: Mapping[str, str]) -> Settings:
    """The settings of this process, for one of the entries that `plan` returned.

    Raises:
        SettingsError: See `current_settings`.
        WrongEnvironmentError: They are of another environment.
    """
    require_environment(planned.get(PLANNED_ENVIRONMENT))
    return current_settings()


def settings_for_run(context: Any) -> Settings:
    """The settings of this process, for whatever `plan` planned in this run; it may have planned nothing.

    Args:
        context: Of a task that isn't mapped.

    Raises:
        SettingsError: See `current_settings`.
        WrongEnvironmentError: They are of another environment.
    """
    planned = context["ti"].xcom_pull(task_ids="plan") or ()
    return settings_for(next(iter(planned), {}))


def require_environment(planned_for: str | None) -> None:
    """Make sure that this process is of the environment that a run was planned for.

    Args:
        planned_for: None where nobody wrote it down, as for what was planned before this was kept.

    Raises:
        SettingsError: See `current_settings`.
        WrongEnvironmentError: It isn't. Another worker may be, so that another try makes sense.
    """
    if planned_for is None:
        return
    own = current_settings().environment
    if own != planned_for:
        raise WrongEnvironmentError(
            f"this run was planned for ENV={planned_for}, and this component of Airflow has JANITOR_ENV={own}; nothing"
            " was done here. Give every component the same JANITOR_ENV and start this one again"
        )
