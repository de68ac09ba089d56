"""Whether each component of a stack does its work, and not only runs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from janitor.domain.heartbeats import heartbeat_problem
from janitor.domain.watch.waits import waiting
from janitor.stack.components import Component
from janitor.stack.postgres.server import SUPERUSER, answers
from janitor.stack.state.ports import LOOPBACK, Ports
from janitor.stack.state.secrets import StackSecrets
from janitor.stack.state.stack_env import database_url
from janitor.stack.supervisor.client import ProgramInfo, ProgramState

_SKIP = "not asked for"
_HTTP_TIMEOUT = timedelta(seconds=10)
_MONITOR_NAMES = {
    Component.SCHEDULER: "scheduler",
    Component.DAG_PROCESSOR: "dag_processor",
    Component.TRIGGERER: "triggerer",
}


def problems(
    ports: Ports,
    secrets: StackSecrets,
    programs: Mapping[str, ProgramInfo],
    only: Iterable[Component] = tuple(Component),
) -> dict[Component, str | None]:
    """Return per component why it isn't healthy, or None where it is.

    Args:
        ports: The stack's ports.
        secrets: The stack's passwords.
        programs: What supervisord says.
        only: The components to look at; Airflow's are looked at together with its API server.

    Raises:
        StackError: PostgreSQL refuses the stack's password.
    """
    found: dict[Component, str | None] = {}
    for component in only:
        info = programs.get(component.value)
        if info is None:
            found[component] = "not known to the supervisor"
        elif info.state not in (ProgramState.RUNNING, ProgramState.STARTING):
            found[component] = f"{info.state.value.lower()}{f' ({info.problem})' if info.problem else ''}"
        else:
            found[component] = None
    if found.get(Component.POSTGRES, _SKIP) is None:
        url = database_url(SUPERUSER, secrets.postgres_superuser, "postgres", ports)
        found[Component.POSTGRES] = None if answers(url) else "doesn't answer"
    if found.get(Component.CLOUD, _SKIP) is None:
        found[Component.CLOUD] = None if cloud_answers(ports) else "doesn't answer"
    if found.get(Component.API_SERVER, _SKIP) is None:
        found |= _airflow_problems(ports, programs, found)
    return found


def cloud_answers(ports: Ports) -> bool:
    """Tell whether the local cloud is ready."""
    answer = _get_json(ports.cloud, "/_localcloud/health")
    return answer is not None and answer.get("status") == "ok"


def boxes_see_the_stack(ports: Ports) -> bool:
    """Whether what runs in a local instance can read this stack's files: this machine allows no mount namespace."""
    answer = _get_json(ports.cloud, "/_localcloud/health")
    return answer is not None and answer.get("hides_files") is False


SEEN_BY_BOXES = (
    "local instances can read this stack's files, its passwords too: this machine allows no mount namespace."
    " Validate only repositories that you trust, or run as root or where `unshare --user --mount` works"
)


def _airflow_problems(
    ports: Ports, programs: Mapping[str, ProgramInfo], found: Mapping[Component, str | None]
) -> dict[Component, str | None]:
    """Return what Airflow's own monitor says; it sees heartbeats in the database."""
    monitor = _get_json(ports.web, "/api/v2/monitor/health")
    # The part that tasks talk to is built on its first request, which takes seconds: better now than in the first task.
    if monitor is None or _get_json(ports.web, "/execution/health") is None:
        return {Component.API_SERVER: "doesn't answer"}
    result: dict[Component, str | None] = {}
    if monitor.get("metadatabase", {}).get("status") != "healthy":
        result[Component.API_SERVER] = "can't reach its database"
    for component, name in _MONITOR_NAMES.items():
        if found.get(component, _SKIP) is None:
            started = programs[component.value].started_at
            result[component] = heartbeat_problem(monitor, name, datetime.now(timezone.utc), not_before=started)
    return result


def _get_json(port: int, path: str) -> dict[str, Any] | None:
    """Return the JSON object that a component answers, or None when it doesn't."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_HTTP_TIMEOUT.total_seconds())
    try:
        with waiting(f"waiting for {LOOPBACK}:{port}{path}", _HTTP_TIMEOUT):
            connection.request("GET", path)
            response = connection.getresponse()
            value = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return value if response.status == http.client.OK and isinstance(value, dict) else None
