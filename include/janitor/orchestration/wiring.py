"""Where Airflow's processes get their settings from: once per process, at run time, never while a DAG is parsed."""

from __future__ import annotations

from functools import cache

from airflow.sdk.exceptions import AirflowFailException

from janitor.domain.errors import (
    BudgetRefusedError,
    ConfigError,
    ConflictError,
    LaunchRefusedError,
    NotFoundError,
    SettingsError,
)
from janitor.domain.log_lines import LONGEST_LINE
from janitor.protocol.text.plain_text import one_line
from janitor.settings import Settings, load_settings

_PERMANENT = (BudgetRefusedError, ConfigError, ConflictError, LaunchRefusedError, NotFoundError, SettingsError)
"""What another try can't mend."""


@cache
def current_settings() -> Settings:
    """The settings of this process's environment.

    Raises:
        SettingsError: A variable is missing or wrong.
    """
    return load_settings()


def as_airflow_failure(exc: Exception) -> Exception:
    """The exception to raise in a task: one that isn't retried where a retry can't help."""
    return failed_task(*str(exc).splitlines()) if isinstance(exc, _PERMANENT) else exc


def failed_task(*lines: str) -> AirflowFailException:
    """The exception of a task that failed for good: one line of the log for each given."""
    return AirflowFailException("\n".join(one_line(line, limit=LONGEST_LINE) for line in lines))
