"""Ending components by SIGKILL. supervisord starts them again, as a service manager would."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import psutil

from tests.crash.cells import Component
from tests.crash.stand import Stand
from tests.crash.waiting import await_it
from tests.support.processes import kill_processes

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


def freeze_boxes(stand: Stand) -> list[str]:
    """Stop, as by SIGSTOP, everything that commands and their children are on instances; their inits live on.

    Returns:
        What was frozen.
    """
    boxes = str(stand.settings.state_dir)
    frozen = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if not process.environ().get("INSTANCE_ID") or boxes not in process.environ().get("TMPDIR", ""):
                continue
            title = " ".join(process.cmdline())
            if "guest_init" in title:
                continue
            process.suspend()
            frozen.append(f"{process.pid} {title[:80]}")
    return frozen


def _kill(stand: Stand, component: Component) -> list[str]:
    killed = kill_processes(stand.layout, lambda title: _is_meant(title, component))
    return [f"{pid} {title}" for pid, title in killed.items()]


def _is_meant(title: str, component: Component) -> bool:
    if component is Component.POSTGRES:
        return _is_postgres(title)
    if component is Component.FOR_GOOD:
        return "supervisord" in title or _is_meant(title, Component.EVERYTHING)
    if component is Component.EVERYTHING:
        return _is_postgres(title) or any(part in title for parts in _TITLES.values() for part in parts)
    if component is Component.TASK and _NO_TASK in title:
        return False
    return any(part in title for part in _TITLES[component])


def _is_postgres(title: str) -> bool:
    # The server is `<folder>/postgres -D …`; its children show `postgres: <what they do>`.
    program = title.partition(" ")[0]
    return program == "postgres:" or program.endswith("/postgres")
