"""Ending components by SIGKILL. supervisord starts them again, as a service manager would."""

from __future__ import annotations

import contextlib
import os
import signal
from datetime import timedelta

import psutil

from janitor.stack.processes import stack_processes
from tests.crash.cells import Component
from tests.crash.stand import Stand
from tests.crash.waiting import await_it

_TARGET_WITHIN = timedelta(seconds=15)
_TITLES = {
    Component.SCHEDULER: ("airflow scheduler",),
    Component.TRIGGERER: ("airflow triggerer",),
    Component.DAG_PROCESSOR: ("airflow dag-processor",),
    Component.API_SERVER: ("airflow api_server", "airflow api-server"),
    Component.TASK: ("airflow worker -- ",),
}
_NO_TASK = "LocalExecutor"
"""In the titles of the executor's processes, which look after a task and run none of its code."""


def kill(stand: Stand, component: Component) -> list[str]:
    """Kill a component, with SIGKILL, as soon as it is there.

    Returns:
        What was killed.

    Raises:
        NotInTimeError: There is no such process.
    """
    killed = await_it(
        lambda: _kill(stand, component) or None, within=_TARGET_WITHIN, what=f"a {component.value} to kill"
    )
    # What was being started while its parent died.
    while component is Component.FOR_GOOD and (more := _kill(stand, component)):
        killed += more
    return killed


def _kill(stand: Stand, component: Component) -> list[str]:
    victims = [process for process in stack_processes(stand.layout) if _is_meant(process, component)]
    # The supervisor first where it is meant, so that it starts nothing again.
    victims.sort(key=lambda process: "supervisord" not in _title(process))
    killed = []
    for process in victims:
        title = _title(process)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
            killed.append(f"{process.pid} {title}")
    return killed


def _is_meant(process: psutil.Process, component: Component) -> bool:
    title = _title(process)
    if component is Component.POSTGRES:
        return _is_postgres(process)
    if component is Component.FOR_GOOD:
        return "supervisord" in title or _is_meant(process, Component.EVERYTHING)
    if component is Component.EVERYTHING:
        return _is_postgres(process) or any(part in title for parts in _TITLES.values() for part in parts)
    if component is Component.TASK and _NO_TASK in title:
        return False
    return any(part in title for part in _TITLES[component])


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres"
    except psutil.Error:
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""
