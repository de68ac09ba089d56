"""Whether Airflow lets this deployment in, has its DAGs, and read the same settings as this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from janitor.domain.errors import AirflowError, NotFoundError
from janitor.domain.findings import Finding, note, ok, problem
from janitor.domain.heartbeats import AIRFLOW_PROGRAMS, heartbeat_problem
from janitor.domain.states import RunKind
from janitor.services.airflow.client import AirflowClient
from janitor.settings import Settings

_REAP_DAG = "reap_instances"
_NO_SCHEDULE = ("", "None", "never")
_DISTRIBUTION = "apache-airflow"
_RESTART = "give every component of Airflow this environment's settings (JANITOR_ENV) and start it again"


def airflow(settings: Settings) -> Iterator[Finding]:
    """The login, then what Airflow says of itself and of the DAGs; that it isn't configured is told elsewhere."""
    if settings.airflow_url is None and settings.airflow_mwaa is None:
        return
    try:
        if not settings.has_airflow_login:
            with AirflowClient.before_login(settings) as client:
                yield from list(_version(client, "which answers; nothing more of it is told without a login"))
            return
        with AirflowClient(settings) as client:
            found = [*_version(client, "which lets this deployment in"), *_programs(client), *_dags(settings, client)]
    except AirflowError as exc:
        step = (
            "check JANITOR_AIRFLOW_URL and the login: user and password, JANITOR_AIRFLOW_TOKEN or JANITOR_AIRFLOW_MWAA"
        )
        yield problem("airflow", str(exc), step)
        return
    yield from found


def _version(client: AirflowClient, said: str) -> Iterator[Finding]:
    theirs = client.version()
    try:
        ours = metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield ok("airflow", f"version {theirs}, {said}")
        return
    if theirs.split(".")[:2] == ours.split(".")[:2]:
        yield ok("airflow", f"version {theirs}, {said}")
    else:
        step = "run the version that requirements.lock pins"
        yield note("airflow", f"version {theirs}; this checkout is tested with {ours}", step)


def _programs(client: AirflowClient) -> Iterator[Finding]:
    health, now = client.health(), datetime.now(timezone.utc)
    for name in AIRFLOW_PROGRAMS:
        subject = f"airflow's {name.replace('_', ' ')}"
        trouble = heartbeat_problem(health, name, now)
        yield ok(subject, "alive") if trouble is None else problem(subject, trouble, "start it again")


def _dags(settings: Settings, client: AirflowClient) -> Iterator[Finding]:
    errors = client.import_errors()
    for file, said in errors:
        yield problem("dag files", f"{file}: {said}", f"mend that; where a setting is meant: {_RESTART}")
    wanted = {
        settings.airflow_dag_id: {
            "JANITOR_SCHEDULE": (settings.schedule, _schedule),
            "JANITOR_DEFAULT_CONFIG": (settings.default_config, _default_config),
        },
        settings.dag_id_of(RunKind.SEQUENTIAL): {
            "JANITOR_DEFAULT_REPOS_FILE": (settings.default_repos_file, _default_config),
        },
        _REAP_DAG: {"JANITOR_REAP_INTERVAL_SECONDS": (str(settings.reap_interval), _schedule)},
    }
    for dag_id, variables in wanted.items():
        subject = f"dag {dag_id}"
        try:
            seen = client.dag(dag_id)
        except NotFoundError:
            step = "mend the DAG files above" if errors else "let DAGS_FOLDER be this checkout's folder dags"
            yield problem(subject, "Airflow doesn't have it", step)
            continue
        if seen.get("is_paused"):
            yield problem(subject, "is paused: its runs would wait for ever", f"`airflow dags unpause {dag_id}`")
        else:
            yield ok(subject, "is there and not paused")
        for name, (ours, read) in variables.items():
            theirs = read(seen)
            if theirs != ours:
                said = f"Airflow has {_shown(theirs)}, ENV={settings.environment} says {_shown(ours)}"
                yield problem(name, said, _RESTART)
            else:
                yield ok(name, f"{_shown(ours)}, in Airflow too")


def _schedule(seen: Mapping[str, Any]) -> str:
    found = str(seen.get("timetable_summary") or "")
    return "" if found in _NO_SCHEDULE else found


def _default_config(seen: Mapping[str, Any]) -> str:
    param = (seen.get("params") or {}).get("config_path") or {}
    return str(param.get("value", "") if isinstance(param, Mapping) else param)


def _shown(value: str) -> str:
    return value or "none"
