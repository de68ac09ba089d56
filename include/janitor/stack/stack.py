"""The local stack as others use it: `up`, `down`, `status`, `is_up`, `require_up`.

Only environments whose settings say `JANITOR_STACK=embedded` have one.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NoReturn

from janitor.domain.errors import StackDownError, StackError
from janitor.settings import Settings, StackKind
from janitor.stack.components import Component
from janitor.stack.environment import airflow_environment, base_environment
from janitor.stack.start import start
from janitor.stack.state.layout import STACK_ID_VARIABLE, Layout
from janitor.stack.state.lock import exclusive
from janitor.stack.state.secrets import read_secrets
from janitor.stack.state.stack_env import current_ports
from janitor.stack.status import StackStatus, read_programs, read_status
from janitor.stack.stop import DownReport, stop
from janitor.stack.supervisor.client import ProgramState, Supervisor

_DOWN_LOCK_WAIT = timedelta(seconds=60)
_RESTART_LIMIT = timedelta(seconds=60)
"""For a program to stop, and again for it to start."""
_POLL_SECONDS = 0.2


def up(settings: Settings, *, progress: Callable[[str], None]) -> Settings:
    """Start the local stack, or what is missing of it, and wait until all of it is healthy.

    Args:
        settings: Settings of an environment with an embedded stack.
        progress: Told one line for each thing that is ready; called from several threads.

    Returns:
        The settings with what the stack found out: ports, passwords, keys.

    Raises:
        StackError: a component failed (nothing that this call started is left running), or another `up` or `down`
            didn't end in time.
    """
    layout = _layout(settings)
    layout.create()
    with exclusive(layout.lock_file, wait=settings.start_timeout, progress=progress):
        start(settings, layout, progress)
    return settings.reload()


def down(settings: Settings, *, progress: Callable[[str], None]) -> DownReport:
    """End every process of the local stack, also those that an earlier kill left behind; the data stays.

    Raises:
        StackError: a process can't be ended, or another `up` or `down` didn't end in time.
    """
    layout = _layout(settings)
    if not layout.state_dir.is_dir():
        progress("the local stack was never started")
        return DownReport(())
    with exclusive(layout.lock_file, wait=_DOWN_LOCK_WAIT, progress=progress):
        return stop(layout, progress)


def status(settings: Settings) -> StackStatus:
    """Look at every component of the local stack.

    Raises:
        StackError: the environment has no local stack, or its secrets are damaged.
    """
    _layout(settings)
    return read_status(settings)


def is_up(settings: Settings) -> bool:
    """Tell whether every component runs. Cheap: asks the supervisor alone; `status` asks the components.

    Raises:
        StackError: the environment has no local stack, or its secrets are damaged.
    """
    return not _not_running(settings)


def is_running_at_all(settings: Settings) -> bool:
    """Tell whether any component of the local stack runs. As cheap as `is_up`.

    Raises:
        StackError: the environment has no local stack, or its secrets are damaged.
    """
    return len(_not_running(settings)) < len(Component)


def require_up(settings: Settings) -> None:
    """Make sure that the local stack runs; environments without one pass, as theirs is somebody else's concern.

    Raises:
        StackDownError: it doesn't; the message says what to do.
    """
    if settings.stack is StackKind.EXTERNAL:
        return
    missing = _not_running(settings)
    if len(missing) == len(Component):
        raise StackDownError("the local stack isn't running; start it with `make up`")
    if missing:
        names = ", ".join(component.label for component in missing)
        logs = Layout.of(settings).logs
        raise StackDownError(f"the local stack runs without {names}; see {logs}, then `make up` starts what is missing")


def restart_triggerer(settings: Settings, *, progress: Callable[[str], None]) -> None:
    """Let the triggerer, which reads the settings once in its life, read them anew. Waiting validations go on.

    At the end it runs, so that the next command finds the stack whole.

    Raises:
        StackError: It doesn't stop or start, or the stack isn't running.
    """
    layout = _layout(settings)
    ports, secrets = current_ports(layout), read_secrets(layout)
    if ports is None or secrets is None:
        raise StackDownError("the local stack was never started; start it with `make up`")
    supervisor = Supervisor(identifier=layout.stack_id, port=ports.supervisor, password=secrets.supervisor_password)
    name = Component.TRIGGERER.value
    supervisor.stop(name)
    _await(supervisor, name, lambda state: not state.is_alive, "stop")
    supervisor.start(name)
    _await(supervisor, name, lambda state: state is ProgramState.RUNNING, "start")
    progress("The triggerer is started anew, with the new settings")


def _await(supervisor: Supervisor, name: str, is_reached: Callable[[ProgramState], bool], what: str) -> None:
    give_up_at = time.monotonic() + _RESTART_LIMIT.total_seconds()
    while not is_reached(supervisor.programs()[name].state):
        if time.monotonic() >= give_up_at:
            raise StackError(
                f"the {name} doesn't {what} within {_RESTART_LIMIT.total_seconds():.0f} s; run `make down`"
            )
        time.sleep(_POLL_SECONDS)


def exec_airflow(settings: Settings, arguments: Sequence[str]) -> NoReturn:
    """Become Airflow's own command, with the home, database and keys of this stack.

    Raises:
        StackDownError: the stack isn't running.
        StackError: the environment has no local stack.
    """
    layout = _layout(settings)
    require_up(settings)
    ports, secrets = current_ports(layout), read_secrets(layout)
    if ports is None or secrets is None:
        raise StackDownError("the local stack was never started; start it with `make up`")
    environment = base_environment(settings, layout) | airflow_environment(settings, layout, ports, secrets)
    # The mark is for what the stack runs; this process is its user's.
    environment.pop(STACK_ID_VARIABLE, None)
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], environment)  # noqa: S606  # takes this process's place


def _not_running(settings: Settings) -> list[Component]:
    programs = read_programs(_layout(settings))
    return [
        component
        for component in Component
        if component.value not in programs or programs[component.value].state is not ProgramState.RUNNING
    ]


def _layout(settings: Settings) -> Layout:
    if settings.stack is not StackKind.EMBEDDED:
        raise StackError(
            f"ENV={settings.environment} has no local stack: Airflow, the database and the cloud run elsewhere "
            f"(JANITOR_STACK={settings.stack.value}); use ENV=local for one"
        )
    return Layout.of(settings)
