"""Where Airflow's processes get their settings from: once per process, at run time, never while a DAG is parsed."""

from __future__ import annotations

from functools import cache

from janitor.settings import Settings, load_settings


@cache
def current_settings() -> Settings:
    """The settings of this process's environment.

    Raises:
        SettingsError: A variable is missing or wrong.
    """
    return load_settings()
