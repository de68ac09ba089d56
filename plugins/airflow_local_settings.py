"""Loaded by every component of Airflow before anything else: Airflow looks for this name in its plugins folder.

A component that isn't told its environment ends here, in words, instead of asking the local stack of its machine; one
that is gets what DAG parsing has to know from the environment's files, and imports what its tasks need before it forks
them. A module of this name in `$AIRFLOW_HOME/config` comes before it: let such a one do the same.
"""

import sys

from janitor.domain.errors import SettingsError
from janitor.orchestration.preload import preload
from janitor.settings import hand_over_dag_settings

__all__: list[str] = []

try:
    hand_over_dag_settings()
except SettingsError as exc:
    sys.exit(f"error: {exc}")

preload(sys.argv)
