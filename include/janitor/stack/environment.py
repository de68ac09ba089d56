"""The environment that the stack's processes get: what they need, and the stack's mark."""

from __future__ import annotations

import os

from janitor.settings import Settings
from janitor.settings.process import search_path
from janitor.stack.state.layout import STACK_ID_VARIABLE, Layout
from janitor.stack.state.ports import LOOPBACK, Ports
from janitor.stack.state.secrets import StackSecrets
from janitor.stack.state.stack_env import cloud_url

_DIRECT = (LOOPBACK, "localhost")


def base_environment(settings: Settings, layout: Layout) -> dict[str, str]:
    """Return the environment of supervisord, which every program inherits.

    PATH, HOME, language, certificate and proxy variables and JANITOR_* come from whoever started the stack.
    """
    values = dict(settings.inherited)
    values["PATH"] = search_path(values)
    values.setdefault("HOME", str(layout.state_dir))
    values["JANITOR_ENV"] = settings.environment
    values["JANITOR_STATE_DIR"] = str(layout.state_dir)
    values[STACK_ID_VARIABLE] = layout.stack_id
    # Without it, setproctitle (used by Airflow) overwrites the environment that the mark is read from.
    values["SPT_NOENV"] = "1"
    # A proxy must not come between the components.
    for name in ("NO_PROXY", "no_proxy"):
        values[name] = ",".join(filter(None, (values.get(name), *_DIRECT)))
    values["PYTHONUNBUFFERED"] = "1"
    return values


def python_environment(settings: Settings) -> dict[str, str]:
    """Return what a program needs to import the product's packages."""
    return {"PYTHONPATH": str(settings.project_root / "include")}


def airflow_environment(settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets) -> dict[str, str]:
    """Return what Airflow's programs, and with them the tasks, get in addition: their home, and the local cloud."""
    return python_environment(settings) | {
        "AIRFLOW_HOME": str(layout.airflow_home),
        # Parsing a DAG file reads no file of settings.
        "JANITOR_SCHEDULE": settings.schedule,
        "JANITOR_DEFAULT_CONFIG": settings.default_config,
        "JANITOR_DEFAULT_REPOS_FILE": settings.default_repos_file,
        "JANITOR_REAP_INTERVAL_SECONDS": f"{settings.reap_interval.total_seconds():g}",
        "AWS_ENDPOINT_URL": cloud_url(ports),
        "AWS_ACCESS_KEY_ID": secrets.cloud_access_key_id,
        "AWS_SECRET_ACCESS_KEY": secrets.cloud_secret_access_key,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        # Nothing else may decide whom boto3 calls, nor as whom.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
