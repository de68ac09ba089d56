"""A stack as text."""

from __future__ import annotations

from collections.abc import Sequence

from janitor.cli.render.marks import BAD, GOOD, one_line
from janitor.cli.render.times import compactly
from janitor.services.deployment import ServiceAnswer
from janitor.stack.status import ComponentStatus, StackStatus


def stack_text(status: StackStatus) -> str:
    """The answer of `status`."""
    healthy = sum(component.problem is None for component in status.components)
    if status.running:
        state = "up"
    else:
        state = f"{healthy} of {len(status.components)} components healthy" if healthy else "down"
    width = max((len(component.component.label) for component in status.components), default=0)
    lines = [f"Local stack: {state}", *(_component_line(component, width) for component in status.components)]
    if status.disk is not None and status.disk.problem is not None:
        lines.append(f"  {BAD} {'disk'.ljust(width)}  {one_line(status.disk.problem)}")
    if status.running:
        lines += ["", login_text(status)]
    lines += ["", f"Data and logs: {status.state_dir}"]
    if not status.running:
        lines.append("Start it with: make up")
    return "\n".join(lines)


def deployment_text(environment: str, web_url: str | None, services: Sequence[ServiceAnswer]) -> str:
    """The answer of `status` where the parts run elsewhere."""
    width = max(len(service.name) for service in services)
    lines = [f"Deployment of ENV={environment}"]
    for service in services:
        mark, said = (GOOD, "answers") if service.problem is None else (BAD, one_line(service.problem))
        lines.append(f"  {mark} {service.name.ljust(width)}  {said}")
    return "\n".join([*lines, "", f"Web UI: {web_url or 'JANITOR_AIRFLOW_URL is not set'}"])


def login_text(status: StackStatus) -> str:
    """Where the web UI is, and how to log in."""
    return f"Web UI: {status.web_url}\nLogin: {status.username} / {status.password}"


def _component_line(component: ComponentStatus, width: int) -> str:
    title = component.component.label.ljust(width)
    if component.problem is not None:
        return f"  {BAD} {title}  {one_line(component.problem)} (log: {component.log})"
    details = [f"pid {component.pid}"]
    if component.port is not None:
        details.append(f"port {component.port}")
    if component.uptime is not None:
        details.append(f"up {compactly(component.uptime)}")
    return f"  {GOOD} {title}  {', '.join(details)}"
