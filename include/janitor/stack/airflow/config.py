"""Airflow's configuration for one stack, and the module that its processes load first.

Only what differs from Airflow's defaults is set. Each choice that isn't obvious says what it is for.
"""

from __future__ import annotations

import configparser
import io
from datetime import timedelta

from janitor.settings import Settings
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import LOOPBACK, Ports
from janitor.stack.state.private_files import write_private
from janitor.stack.state.secrets import AIRFLOW_USER, StackSecrets, airflow_passwords_file
from janitor.stack.state.stack_env import AIRFLOW_DATABASE, AIRFLOW_ROLE, database_url, web_url

PARALLELISM = 16
HEARTBEAT_TIMEOUT = timedelta(seconds=30)
"""How long a task may be silent before the scheduler gives it up; Airflow's default is 300 s."""
ORPHAN_CHECK_INTERVAL = timedelta(seconds=15)
"""How often the scheduler looks for tasks of dead schedulers; Airflow's default is 300 s."""
MAX_MAP_LENGTH = 100_000
"""Repositories that one run may have, as far as Airflow is concerned; its default is 1,024."""

IMPORT_TIMEOUT = timedelta(seconds=120)
"""How long a task may take to read its DAG's file; after Airflow's default, 30 s, it is put off by a minute, and a
machine that is busy for a while gets busier by it."""
FILE_TIMEOUT = timedelta(seconds=180)
"""How long the DAG processor may take for a file: longer than reading it. Airflow's default is 50 s."""

# Loaded by every Airflow process before anything else.
_LOCAL_SETTINGS = '''\
"""Written by the local stack: heavy modules are imported once and inherited by every forked task process."""

import contextlib
import importlib
import pathlib
import sys
import traceback

with contextlib.suppress(Exception):
    importlib.import_module("janitor.orchestration.preload").preload(sys.argv)

if "scheduler" in sys.argv:
    try:
        layout = importlib.import_module("janitor.stack.state.layout").Layout(pathlib.Path({state_dir!r}))
        ended = importlib.import_module("janitor.stack.supervisor.orphans").end_idle_orphans(layout)
        print("idle workers of a scheduler that is gone, ended:", len(ended), file=sys.stderr)
    except Exception:  # A scheduler that starts matters more; PostgreSQL's time limit frees the locks, too.
        traceback.print_exc()
'''


def write_airflow_home(settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets) -> None:
    """Write `airflow.cfg` and the local settings module into AIRFLOW_HOME."""
    write_private(layout.airflow_home / "airflow.cfg", render_airflow_config(settings, layout, ports, secrets))
    folder = layout.airflow_home / "config"
    folder.mkdir(exist_ok=True)
    (folder / "airflow_local_settings.py").write_text(render_local_settings(layout), encoding="utf-8")


def render_local_settings(layout: Layout) -> str:
    """Return the text of `airflow_local_settings.py`."""
    return _LOCAL_SETTINGS.format(state_dir=str(layout.state_dir))


def render_airflow_config(settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets) -> str:
    """Return the text of `airflow.cfg`."""
    parser = configparser.RawConfigParser()
    for section, options in _options(settings, layout, ports, secrets).items():
        parser.add_section(section)
        for name, value in options.items():
            # Airflow reads its file with interpolation.
            parser.set(section, name, str(value).replace("%", "%%"))
    text = io.StringIO()
    text.write("# Written at every start of the stack.\n")
    parser.write(text)
    return text.getvalue()


def _options(
    settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets
) -> dict[str, dict[str, str | int | float]]:
    return {
        "core": _core(settings, layout, ports, secrets),
        "database": {
            "sql_alchemy_conn": database_url(AIRFLOW_ROLE, secrets.postgres_airflow, AIRFLOW_DATABASE, ports).replace(
                "postgresql://", "postgresql+psycopg2://"
            ),
            # `up` has migrated before it starts the components.
            "check_migrations": "False",
            # The API server asks the database on its event loop too, to check each login: where that waits for a
            # connection, none of those who hold one goes on (apache/airflow#66493). So it never has to wait; what is
            # beyond the pool is closed after use, and the server takes 200.
            "sql_alchemy_pool_size": 10,
            "sql_alchemy_max_overflow": 90,
        },
        "api": {
            "host": LOOPBACK,
            "port": ports.web,
            "base_url": web_url(ports),
            "workers": 1,
            "secret_key": secrets.airflow_api_secret,
            "instance_name": "Janitor",
            # Longer than `down` waits: uvicorn would otherwise let open pages hold it up.
            "worker_timeout": 120,
        },
        "api_auth": {"jwt_secret": secrets.airflow_jwt_secret},
        "workers": {
            # Tasks sit out a restart of the API server.
            "execution_api_retries": 12,
            "max_failed_heartbeats": 30,
            # A task's supervisor that misses the moment of its end looks again only after this long (5 s by default).
            "min_heartbeat_interval": 1,
        },
        "scheduler": {
            "task_instance_heartbeat_timeout": int(HEARTBEAT_TIMEOUT.total_seconds()),
            "task_instance_heartbeat_timeout_detection_interval": 5,
            "orphaned_tasks_check_interval": ORPHAN_CHECK_INTERVAL.total_seconds(),
            "scheduler_idle_sleep_time": 0.5,
            "trigger_timeout_check_interval": 5,
            "catchup_by_default": "False",
        },
        "dag_processor": {
            "refresh_interval": 15,
            "min_file_process_interval": 30,
            "dag_file_processor_timeout": int(FILE_TIMEOUT.total_seconds()),
            # The default is one folder for all Airflows of the machine.
            "dag_bundle_storage_path": str(layout.airflow_home / "bundles"),
        },
        "logging": {
            "base_log_folder": str(layout.task_logs),
            "dag_processor_child_process_log_directory": str(layout.dag_file_logs),
            "colored_console_log": "False",
            # Nothing serves logs: the API server reads the files. Port 9 (discard) refuses at once where 8793 might be
            # another Airflow's.
            "worker_log_server_port": 9,
            "trigger_log_server_port": 9,
        },
    }


def _core(settings: Settings, layout: Layout, ports: Ports, secrets: StackSecrets) -> dict[str, str | int | float]:
    return {
        "dags_folder": str(settings.dags_folder),
        "plugins_folder": str(settings.plugins_folder),
        "executor": "LocalExecutor",
        "parallelism": PARALLELISM,
        "max_active_tasks_per_dag": PARALLELISM,
        "max_active_runs_per_dag": PARALLELISM,
        "max_map_length": MAX_MAP_LENGTH,
        "dags_are_paused_at_creation": "False",
        "load_examples": "False",
        "simple_auth_manager_users": f"{AIRFLOW_USER}:admin",
        "simple_auth_manager_passwords_file": str(airflow_passwords_file(layout)),
        "fernet_key": secrets.airflow_fernet_key,
        "execution_api_server_url": f"{web_url(ports)}/execution/",
        # No look-up of the machine's name: it can take seconds, and may change while a task runs.
        "hostname_callable": "janitor.stack.airflow.hostname.local_hostname",
        "min_serialized_dag_update_interval": 5,
        # A killed task has that long to end its SSM command and its instance.
        "killed_task_cleanup_time": 20,
        "dagbag_import_timeout": IMPORT_TIMEOUT.total_seconds(),
    }
