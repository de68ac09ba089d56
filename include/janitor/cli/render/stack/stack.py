"""A stack as text."""

from __future__ import annotations

from collections.abc import Sequence

from janitor.domain.views import RunView
from janitor.services.deployment import ServiceAnswer
from janitor.stack.status import ComponentStatus, StackStatus
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, one_line
from janitor.views.text.times import compactly

_MOST_NAMED = 3


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
    lines += [f"  {UNKNOWN} {one_line(note)}" for note in status.notes]
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


def ending_text(runs: Sequence[RunView]) -> str:
    """What `down` says of runs that are at work, before it ends them."""
    open_ones = [each for run in runs for each in run.validations if not each.status.is_final]
    instances = sum(each.instance_id is not None for each in open_ones)
    counted = "1 run is at work" if len(runs) == 1 else f"{len(runs)} runs are at work"
    machines = "1 instance" if instances == 1 else f"{instances} instances"
    names = ", ".join(str(run.run_id) for run in runs[:_MOST_NAMED])
    more = f" and {len(runs) - _MOST_NAMED} more" if len(runs) > _MOST_NAMED else ""
    return (
        f"{counted} ({names}{more}), with {machines}: they are ended now, and repositories that are being validated"
        " get no verdict"
    )


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
