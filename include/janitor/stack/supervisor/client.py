"""supervisord of one stack: started in the background, and spoken to over its XML-RPC interface on the loopback."""

from __future__ import annotations

import http.client
import sys
import xmlrpc.client  # the server is the stack's own supervisord, behind a random password
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from janitor.domain.errors import StackError
from janitor.domain.watch.waits import waiting
from janitor.stack.state.ports import LOOPBACK
from janitor.stack.supervisor.config import RPC_USER
from janitor.stack.supervisor.logged_command import run_logged

_CALL_TIMEOUT = timedelta(seconds=10)
_START_TIMEOUT = timedelta(seconds=30)
_GONE = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError, xmlrpc.client.ResponseError)
_NOT_RUNNING = 70
_ALREADY_STARTED = 60
_SHUTTING_DOWN = 6


class ProgramState(str, Enum):
    """State of a supervised program, by supervisord's names.

    Source: supervisor, "Subprocess States".
    """

    STOPPED = "STOPPED"  # not started yet, or stopped on request
    STARTING = "STARTING"  # runs, for less than a second so far
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"  # ended too early, will be started again
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"  # could not be started, given up
    UNKNOWN = "UNKNOWN"

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return self in (ProgramState.STARTING, ProgramState.RUNNING, ProgramState.STOPPING)


@dataclass(frozen=True)
class ProgramInfo:
    """What supervisord knows about a program."""

    name: str
    state: ProgramState
    pid: int | None
    started_at: datetime | None
    problem: str | None
    """Why it isn't running, in supervisord's words."""


class SupervisorGoneError(StackError):
    """No supervisord of this stack answers."""


class _Transport(xmlrpc.client.Transport):
    """A transport with a timeout, which the standard library's lacks."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = _CALL_TIMEOUT.total_seconds()
        return connection


class Supervisor:
    """Speaks to the supervisord of one stack."""

    def __init__(self, *, identifier: str, port: int, password: str) -> None:
        self._identifier = identifier
        self._proxy = xmlrpc.client.ServerProxy(
            f"http://{RPC_USER}:{password}@{LOOPBACK}:{port}/RPC2", transport=_Transport()
        )

    def is_alive(self) -> bool:
        """Tell whether supervisord answers, and is this stack's."""
        try:
            return bool(self._call("getIdentification") == self._identifier)
        except StackError:
            return False

    def pid(self) -> int:
        """Return supervisord's own pid. Raises SupervisorGoneError."""
        return int(self._call("getPID"))

    def programs(self) -> dict[str, ProgramInfo]:
        """Return every program by name. Raises SupervisorGoneError."""
        return {info["name"]: _program_info(info) for info in self._call("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Start a program without waiting for it; nothing happens when it runs already."""
        self._call("startProcess", name, False, tolerate=_ALREADY_STARTED)

    def stop(self, name: str) -> None:
        """Ask a program to stop without waiting for it; nothing happens when it isn't running."""
        self._call("stopProcess", name, False, tolerate=_NOT_RUNNING)

    def shutdown(self) -> None:
        """End supervisord, and with it whatever still runs."""
        self._call("shutdown", tolerate=_SHUTTING_DOWN)

    def _call(self, method: str, *arguments: Any, tolerate: int | None = None) -> Any:
        try:
            with waiting("waiting for supervisord of this stack", _CALL_TIMEOUT):
                return getattr(self._proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as exc:
            if exc.faultCode == tolerate:
                return None
            raise StackError(
                f"supervisord refused {method} {' '.join(map(str, arguments))}: {exc.faultString}"
            ) from exc
        except _GONE as exc:
            raise SupervisorGoneError(f"supervisord of this stack doesn't answer: {exc}") from exc


def launch_supervisord(config: Path, environment: Mapping[str, str], output: Path) -> None:
    """Start supervisord in the background; it becomes a daemon of its own session.

    Raises:
        StackError: it refused its configuration, or did not become a daemon in time.
    """
    run_logged(
        (sys.executable, "-m", "supervisor.supervisord", "-c", str(config)),
        name="supervisord",
        log=output,
        environment=environment,
        folder=config.parent,
        timeout=_START_TIMEOUT,
    )


def _program_info(info: Mapping[str, Any]) -> ProgramInfo:
    state = ProgramState(info["statename"])
    return ProgramInfo(
        name=info["name"],
        state=state,
        pid=info["pid"] or None,
        started_at=datetime.fromtimestamp(info["start"], timezone.utc) if info["start"] and state.is_alive else None,
        problem=info["spawnerr"] or (info["description"] if not state.is_alive else None) or None,
    )
