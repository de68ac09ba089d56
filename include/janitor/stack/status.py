"""What a stack is doing, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from janitor.domain.errors import StackError
from janitor.domain.heartbeats import AIRFLOW_PROGRAMS
from janitor.services.deployment_parts import DeploymentPart
from janitor.settings import Settings
from janitor.stack import health
from janitor.stack.airflow.database import airflow_version
from janitor.stack.components import Component
from janitor.stack.postgres.connections import connection_holders
from janitor.stack.postgres.server import MAJOR_VERSION, SUPERUSER
from janitor.stack.state.disk import DiskSpace, look_at_disk
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports
from janitor.stack.state.secrets import AIRFLOW_USER, StackSecrets, read_secrets
from janitor.stack.state.stack_env import current_ports, database_url, web_url
from janitor.stack.supervisor.client import ProgramInfo, ProgramState, Supervisor
from janitor.stores.database import NO_CONNECTION_LEFT


@dataclass(frozen=True)
class ComponentStatus:
    """One component."""

    component: Component
    state: ProgramState
    problem: str | None
    """Why it isn't healthy; None: it is."""
    pid: int | None
    uptime: timedelta | None
    port: int | None
    log: Path

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.component.value,
            "title": self.component.label,
            "state": self.state.value,
            "healthy": self.problem is None,
            "problem": self.problem,
            "pid": self.pid,
            "uptime_seconds": round(self.uptime.total_seconds(), 1) if self.uptime is not None else None,
            "port": self.port,
            "log": str(self.log),
        }


@dataclass(frozen=True)
class StackStatus:
    """A whole stack."""

    running: bool
    """Whether every component runs and is healthy."""
    state_dir: Path
    components: tuple[ComponentStatus, ...]
    web_url: str | None
    username: str | None
    password: str | None
    versions: Mapping[str, str]
    disk: DiskSpace | None = None
    notes: tuple[str, ...] = ()
    """What works all the same, and is worth knowing."""

    @property
    def is_well(self) -> bool:
        """Whether everything runs, and there is room for it to go on."""
        return self.running and (self.disk is None or self.disk.problem is None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the login is part of it, as it is of the printed status."""
        return {
            "running": self.running,
            "state_dir": str(self.state_dir),
            "web_url": self.web_url,
            "username": self.username,
            "password": self.password,
            "versions": dict(self.versions),
            "components": [component.to_dict() for component in self.components],
            "notes": list(self.notes),
            "disk": self.disk.to_dict() if self.disk is not None else None,
        }


def read_programs(layout: Layout) -> dict[str, ProgramInfo]:
    """Return what supervisord says about the programs; empty where no supervisord of this stack runs.

    Raises:
        StackError: the stack's secrets are damaged.
    """
    secrets, ports = read_secrets(layout), current_ports(layout)
    if secrets is None or ports is None:
        return {}
    supervisor = Supervisor(identifier=layout.stack_id, port=ports.supervisor, password=secrets.supervisor_password)
    if not supervisor.is_alive():
        return {}
    return supervisor.programs()


def read_status(settings: Settings) -> StackStatus:
    """Look at every component, and ask it what the product asks, as the product. A stack that is down has one, too.

    Raises:
        StackError: the stack's secrets are damaged.
    """
    layout = Layout.of(settings)
    secrets, ports, programs = read_secrets(layout), current_ports(layout), read_programs(layout)
    problems: Mapping[Component, str | None] = dict.fromkeys(Component, "not running")
    if programs and secrets is not None and ports is not None:
        problems = _asked_as_the_product(settings, _problems(ports, secrets, programs), ports, secrets)
    components = tuple(
        _component_status(component, programs.get(component.value), problems[component], ports, layout)
        for component in Component
    )
    return StackStatus(
        running=all(component.problem is None for component in components),
        state_dir=layout.state_dir,
        components=components,
        web_url=web_url(ports) if ports else None,
        username=AIRFLOW_USER if secrets else None,
        password=secrets.airflow_password if secrets else None,
        versions={"airflow": airflow_version(), "postgresql": str(MAJOR_VERSION)},
        disk=look_at_disk(settings),
        notes=(health.SEEN_BY_BOXES,) if programs and ports and health.boxes_see_the_stack(ports) else (),
    )


_ASKED = {
    Component.POSTGRES: DeploymentPart.DATABASE,
    Component.CLOUD: DeploymentPart.CLOUD,
    Component.API_SERVER: DeploymentPart.AIRFLOW,
}
_BEHIND_API_SERVER = tuple(f"Airflow's {name.replace('_', ' ')}" for name in AIRFLOW_PROGRAMS)
"""These have components of their own, whose heartbeats are judged with the time of their start."""


def _asked_as_the_product(
    settings: Settings, problems: Mapping[Component, str | None], ports: Ports, secrets: StackSecrets
) -> Mapping[Component, str | None]:
    """The problems, and those that show only to the product's own roles and calls."""
    if any(problems[component] is not None for component in (Component.POSTGRES, Component.CLOUD)):
        return problems  # what is known to be away need not be waited for
    # Here, because boto3 takes long to import, and most looks are at a stack that is down or at its supervisor.
    from janitor.services.deployment import look_at_deployment  # noqa: PLC0415  # loaded where it is needed alone

    found = dict(problems)
    for answer in look_at_deployment(settings.reload()):
        component = next(each for each, part in _ASKED.items() if part is answer.part)
        if answer.problem is not None and found[component] is None and answer.name not in _BEHIND_API_SERVER:
            found[component] = answer.problem
    if (said := found[Component.POSTGRES]) is not None and NO_CONNECTION_LEFT in said:
        holders = connection_holders(database_url(SUPERUSER, secrets.postgres_superuser, "postgres", ports))
        found[Component.POSTGRES] = f"{NO_CONNECTION_LEFT}; held, {holders}" if holders else said
    return found


def _problems(ports: Ports, secrets: StackSecrets, programs: Mapping[str, ProgramInfo]) -> dict[Component, str | None]:
    try:
        return health.problems(ports, secrets, programs)
    except StackError as exc:
        return {component: str(exc) for component in Component}


def _component_status(
    component: Component, info: ProgramInfo | None, problem: str | None, ports: Ports | None, layout: Layout
) -> ComponentStatus:
    started = info.started_at if info else None
    return ComponentStatus(
        component=component,
        state=info.state if info else ProgramState.STOPPED,
        problem=problem,
        pid=info.pid if info else None,
        uptime=max(datetime.now(timezone.utc) - started, timedelta()) if started else None,
        port=component.port(ports) if ports else None,
        log=layout.log_of(component.value),
    )
