"""Taking a stack down, until none of its processes is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.errors import StackError
from janitor.stack.components import AIRFLOW, Component
from janitor.stack.state.layout import Layout
from janitor.stack.state.secrets import read_secrets
from janitor.stack.state.stack_env import current_ports
from janitor.stack.supervisor.client import Supervisor
from janitor.stack.supervisor.processes import EndedProcess, end_processes, stack_processes, title_of

_STOP_TIMEOUT = timedelta(seconds=45)
"""Longer than any program's own limit, after which supervisord kills it."""
_ORDERLY_GRACE = timedelta(seconds=2)
"""For what is left after supervisord has stopped everything: tasks, which don't end on SIGTERM by themselves."""
_SWEEP_GRACE = timedelta(seconds=6)
"""For everything, where no supervisord is there to stop it in order."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class DownReport:
    """What `down` ended."""

    ended: tuple[EndedProcess, ...]


def stop(layout: Layout, progress: Callable[[str], None]) -> DownReport:
    """End every process of a stack: first Airflow, then the local cloud with its instances, then PostgreSQL.

    Whatever supervisord doesn't end, or had left behind, is swept by the stack's mark. The data stays.

    Raises:
        StackError: a process can't be ended.
    """
    ended = {p.pid: EndedProcess(p.pid, title_of(p), killed=False) for p in stack_processes(layout)}
    supervisor = _running_supervisor(layout)
    if supervisor is not None:
        # A supervisord that stops answering is swept like the rest.
        with suppress(StackError):
            for group in (AIRFLOW, (Component.CLOUD,), (Component.POSTGRES,)):
                _stop_programs(supervisor, group)
            supervisor.shutdown()
            _await_end(supervisor)
    swept = end_processes(layout, grace=_ORDERLY_GRACE if supervisor is not None else _SWEEP_GRACE)
    ended |= {process.pid: process for process in swept}
    if ended:
        progress(f"the local stack is down: {len(ended)} processes ended")
    else:
        progress("the local stack was not running")
    return DownReport(tuple(ended.values()))


def _running_supervisor(layout: Layout) -> Supervisor | None:
    ports = current_ports(layout)
    secrets = read_secrets(layout)
    if ports is None or secrets is None:
        return None
    supervisor = Supervisor(identifier=layout.stack_id, port=ports.supervisor, password=secrets.supervisor_password)
    return supervisor if supervisor.is_alive() else None


def _stop_programs(supervisor: Supervisor, components: Iterable[Component]) -> None:
    """Stop programs at the same time, and wait until supervisord has ended or killed them."""
    names = [component.value for component in components]
    for name in names:
        supervisor.stop(name)
    deadline = time.monotonic() + _STOP_TIMEOUT.total_seconds()
    while time.monotonic() < deadline:
        programs = supervisor.programs()
        if not any(programs[name].state.is_alive for name in names):
            return
        time.sleep(_POLL_SECONDS)


def _await_end(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + _STOP_TIMEOUT.total_seconds()
    while supervisor.is_alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
