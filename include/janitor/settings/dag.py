"""What is known while a DAG file is parsed: from the process environment alone, so that parsing reads no file.

What the environment's files say gets there once, when a component of Airflow starts (`hand_over_dag_settings`, called
by `plugins/airflow_local_settings.py`); the processes that parse inherit it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import SettingsError
from janitor.settings.component import component_environment
from janitor.settings.cron import check_cron
from janitor.settings.parts.airflow import DEFAULT_CONFIG, DEFAULT_DAG_ID, DEFAULT_REPOS_FILE
from janitor.settings.parts.cost_safety import DEFAULT_REAP_INTERVAL
from janitor.settings.process import PROCESS_LABEL, give_to_process, process_environment
from janitor.settings.project import override_file_path
from janitor.settings.project import project_root as default_root
from janitor.settings.sources import Source, first_value, read_env_file, read_if_there
from janitor.settings.variables import seconds

_WHILE_PARSING = (
    "JANITOR_SCHEDULE",
    "JANITOR_DEFAULT_CONFIG",
    "JANITOR_REAP_INTERVAL_SECONDS",
    "JANITOR_AIRFLOW_DAG_ID",
    "JANITOR_DEFAULT_REPOS_FILE",
)


@dataclass(frozen=True, kw_only=True)
class DagSettings:
    """The settings of DAG parsing."""

    default_config: str
    schedule: str
    reap_interval: timedelta
    dag_id: str = DEFAULT_DAG_ID
    """Of the validation DAG."""
    default_repos_file: str = DEFAULT_REPOS_FILE


def load_dag_settings(environ: Mapping[str, str] | None = None) -> DagSettings:
    """Read the settings of DAG parsing from the process environment (default: that of this process).

    Raises:
        SettingsError: The schedule is no cron expression, or the reaper's interval no number of seconds.
    """
    process = process_environment(environ)
    try:
        schedule = check_cron(process.get("JANITOR_SCHEDULE", "").strip())
    except ValueError as exc:
        raise SettingsError(f"JANITOR_SCHEDULE ({PROCESS_LABEL}): {exc}") from exc
    interval = process.get("JANITOR_REAP_INTERVAL_SECONDS", "").strip()
    try:
        reap_interval: timedelta = seconds(interval) if interval else DEFAULT_REAP_INTERVAL
    except ValueError as exc:
        raise SettingsError(f"JANITOR_REAP_INTERVAL_SECONDS ({PROCESS_LABEL}): {exc}") from exc
    return DagSettings(
        default_config=process.get("JANITOR_DEFAULT_CONFIG", "").strip() or DEFAULT_CONFIG,
        schedule=schedule,
        reap_interval=reap_interval,
        dag_id=process.get("JANITOR_AIRFLOW_DAG_ID", "").strip() or DEFAULT_DAG_ID,
        default_repos_file=process.get("JANITOR_DEFAULT_REPOS_FILE", "").strip() or DEFAULT_REPOS_FILE,
    )


def dag_variables(environ: Mapping[str, str] | None = None, *, project_root: Path | None = None) -> dict[str, str]:
    """The variables of DAG parsing as the environment's files and the process say them, where one says something.

    Args:
        environ: Process environment; default: that of this process.
        project_root: The checkout; default: the one that this package is in.

    Raises:
        SettingsError: The component isn't told its environment, or there is no such one.
    """
    process = process_environment(environ)
    name = component_environment(process)
    root = (project_root or default_root(process)).resolve()
    sources = [
        Source(PROCESS_LABEL, {key: value for key, value in process.items() if value.strip()}),
        read_if_there(override_file_path(root, name), root),
        read_env_file(root, name),
    ]
    found = {key: first_value(key, sources, "").strip() for key in _WHILE_PARSING}
    return {key: value for key, value in found.items() if value}


def hand_over_dag_settings() -> None:
    """Give this component's process what DAG parsing has to know; what the process says already, stays.

    Raises:
        SettingsError: The component isn't told its environment, there is no such one, or a value is none.
    """
    values = dag_variables()
    load_dag_settings(values)
    give_to_process(values)
