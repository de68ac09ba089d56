"""What is known while a DAG file is parsed: from the process environment alone, so that parsing reads no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.errors import SettingsError
from janitor.settings.airflow import DEFAULT_CONFIG, DEFAULT_DAG_ID
from janitor.settings.cost_safety import DEFAULT_REAP_INTERVAL
from janitor.settings.cron import check_cron
from janitor.settings.process import process_environment
from janitor.settings.variables import seconds


@dataclass(frozen=True, kw_only=True)
class DagSettings:
    """The settings of DAG parsing."""

    default_config: str
    schedule: str
    reap_interval: timedelta
    dag_id: str = DEFAULT_DAG_ID
    """Of the validation DAG."""


def load_dag_settings(environ: Mapping[str, str] | None = None) -> DagSettings:
    """Read the settings of DAG parsing from the process environment (default: that of this process).

    Raises:
        SettingsError: The schedule is no cron expression, or the reaper's interval no number of seconds.
    """
    process = process_environment(environ)
    try:
        schedule = check_cron(process.get("JANITOR_SCHEDULE", "").strip())
    except ValueError as exc:
        raise SettingsError(f"JANITOR_SCHEDULE (process environment): {exc}") from exc
    interval = process.get("JANITOR_REAP_INTERVAL_SECONDS", "").strip()
    try:
        reap_interval: timedelta = seconds(interval) if interval else DEFAULT_REAP_INTERVAL
    except ValueError as exc:
        raise SettingsError(f"JANITOR_REAP_INTERVAL_SECONDS (process environment): {exc}") from exc
    return DagSettings(
        default_config=process.get("JANITOR_DEFAULT_CONFIG", "").strip() or DEFAULT_CONFIG,
        schedule=schedule,
        reap_interval=reap_interval,
        dag_id=process.get("JANITOR_AIRFLOW_DAG_ID", "").strip() or DEFAULT_DAG_ID,
    )
