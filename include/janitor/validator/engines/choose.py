"""Chooses the engine: the one that the spec demands; where it leaves the choice, containers where an engine answers.

Docker, rootless or not, and podman are one engine here: they build and start the same image. Invariant: a spec that
demands docker never gets the venv engine, whatever this machine has.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from janitor.protocol.terms.statuses import EngineChoice
from janitor.validator.engine import EngineError, MachineFacts, WorkerEngine

if TYPE_CHECKING:
    from janitor.validator.context import CheckContext
    from janitor.validator.docker.client import DockerClient

_PAUSE = timedelta(seconds=2)


def choose_engine(context: CheckContext, machine: MachineFacts) -> WorkerEngine:
    """The engine that the spec asks for, or the one that this machine has.

    Raises:
        EngineError: The spec asks for docker and no Docker engine answers, waited for it included.
    """
    from janitor.validator.docker.client import DockerClient  # noqa: PLC0415  # loaded where it is needed alone
    from janitor.validator.engines.docker.engine import DockerEngine  # noqa: PLC0415  # not needed by most
    from janitor.validator.engines.venv.engine import VenvEngine  # noqa: PLC0415  # loaded where it is needed alone

    choice = context.spec.engine
    if choice is EngineChoice.VENV:
        return VenvEngine(context, machine)
    client = DockerClient(context.settings)
    if choice is EngineChoice.DOCKER:
        _wait_for(client, min(context.settings.docker_wait, context.interrupts.remaining()))
    elif client.why_not():
        return VenvEngine(context, machine)
    return DockerEngine(context, client, machine)


def _wait_for(client: DockerClient, limit: timedelta) -> None:
    """Wait for an engine that starts with its machine; one whose command isn't even installed won't come.

    Raises:
        EngineError: None answers in time.
    """
    began = time.monotonic()
    while why_not := client.why_not():
        waited = time.monotonic() - began
        if not client.is_installed or waited + _PAUSE.total_seconds() > limit.total_seconds():
            raise EngineError(f"no Docker engine can be used, waited for {waited:.0f} s: {why_not}")
        time.sleep(_PAUSE.total_seconds())
