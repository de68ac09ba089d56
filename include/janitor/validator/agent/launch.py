"""The command that starts the agent: with a Python that has its packages, or in the janitor image."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.guest.processes.supervisor import ProcessStartError, run
from janitor.protocol.agent.answers import AgentSpec
from janitor.validator.agent.settings import AgentMachine
from janitor.validator.docker.client import DockerClient
from janitor.validator.docker.flavour import Flavour
from janitor.validator.engine import EngineError
from janitor.validator.settings import Settings

ORDER, ANSWER, TRANSCRIPT = "order.json", "answer.json", "transcript.jsonl"
"""Files in the agent's private folder."""
_BAKED = "/opt/janitor/bin/python"
"""Where machine images keep the environment with the agent's packages."""
_LOOK = "import importlib.util as u, janitor.agent, sys; sys.exit(u.find_spec('pydantic_ai') is None)"
_LOOK_LIMIT = timedelta(seconds=30)
_MEMORY = "2g"


class AgentMissingError(Exception):
    """The agent's packages are not on this machine; the message says what was tried."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start the agent."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    checkout: str
    """The checkout as the agent's process sees it."""
    container: str | None = None
    """Its container, which outlives a killed command."""


def plan_launch(
    spec: AgentSpec, machine: AgentMachine, settings: Settings, *, folder: Path, checkout: Path, name: str, label: str
) -> Launch:
    """Find out how the agent can be started here.

    Args:
        spec: May name an image.
        machine: Has the credentials.
        settings: Of the validator.
        folder: Private folder with the order.
        checkout: The repository.
        name: For a container.
        label: `key=value` for a container.

    Raises:
        AgentMissingError: Nothing here has the agent's packages.
    """
    home = folder / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    own = {"PATH": settings.path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", **settings.docker}
    common = {**settings.proxies, **machine.credentials(spec)}
    tried = []
    for python in dict.fromkeys(filter(None, (machine.python, _BAKED, sys.executable))):
        if why := _lacks_agent(python, folder, own):
            tried.append(f"{python}: {why}")
            continue
        words = [f"--{what}={folder / file}" for what, file in _FILES]
        return Launch(
            argv=(python, "-I", "-m", "janitor.agent", *words),
            environment={**own, **settings.certificates, **common},
            checkout=str(checkout),
        )
    if spec.image is not None:
        if why := _lacks_image(spec.image, settings):
            tried.append(f"image {spec.image}: {why}")
        else:
            client = {**DockerClient(settings).environment, **common}
            argv = command_in_image(
                spec.image, settings, folder=folder, checkout=checkout, name=name, label=label, passed=common
            )
            return Launch(argv=argv, environment=client, checkout="/checkout", container=name)
    raise AgentMissingError("; ".join(tried))


_FILES = (("order", ORDER), ("answer", ANSWER), ("transcript", TRANSCRIPT))


def command_in_image(
    image: str, settings: Settings, *, folder: Path, checkout: Path, name: str, label: str, passed: Mapping[str, str]
) -> tuple[str, ...]:
    """`docker run` of the janitor image. It is ours and runs nothing of the repository: that is in another container.

    The host's network, as the instance role answers no container behind a bridge (hop limit 1).
    """
    address = settings.docker.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    reach = ["--env", f"DOCKER_HOST={address}"]
    if address.startswith("unix://"):
        reach = ["--mount", f"type=bind,source={address.removeprefix('unix://')},target=/var/run/docker.sock"]
    if client := shutil.which("docker", path=settings.path):
        # The image has no docker command; the machine's own drives the machine's engine.
        reach += ["--mount", f"type=bind,source={Path(client).resolve()},target=/usr/local/bin/docker,readonly"]
    return (
        *("docker", "run", "--rm", "--pull", "never", "--name", name, "--label", label, "--network", "host"),
        *("--user", "0:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"),
        *("--tmpfs", "/tmp:size=1g", "--memory", _MEMORY, "--pids-limit", "256", "--log-driver", "none"),  # noqa: S108  # the container's own
        *("--mount", f"type=bind,source={folder},target=/agent"),
        *("--mount", f"type=bind,source={checkout},target=/checkout,readonly"),
        *reach,
        *("--env", "HOME=/tmp", "--env", "TMPDIR=/tmp"),
        # Names alone: the values are taken from the client's environment and show in no argument list.
        *(word for variable in passed for word in ("--env", variable)),
        *("--entrypoint", "python3", image, "-I", "-m", "janitor.agent"),
        *(f"--{what}=/agent/{file}" for what, file in _FILES),
    )


def _lacks_agent(python: str, folder: Path, environment: Mapping[str, str]) -> str | None:
    if not Path(python).exists():
        return "not there"
    try:
        outcome = run([python, "-I", "-c", _LOOK], cwd=folder, env=environment, limit=_LOOK_LIMIT, confined=False)
    except ProcessStartError as exc:
        return str(exc)
    return None if outcome.exit_code == 0 else "has no janitor.agent with pydantic-ai"


def _lacks_image(image: str, settings: Settings) -> str | None:
    try:
        client = DockerClient(settings)
        if client.flavour is not Flavour.DOCKER:
            return f"it drives a Docker engine, and {client.flavour.value} is all that answers"
        outcome = client.command("image", "inspect", "--format", "{{.Id}}", image)
    except EngineError as exc:
        return str(exc)
    return None if outcome.exit_code == 0 else "not on this machine, and images are not pulled for this"
