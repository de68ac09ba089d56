"""Chooses the engine: docker where one answers, else a Python environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from janitor.protocol.statuses import EngineChoice
from janitor.validator.engines.base import EngineError, WorkerEngine

if TYPE_CHECKING:
    from janitor.validator.bench import Bench


def choose_engine(bench: Bench) -> WorkerEngine:
    """The engine that the spec asks for, or the one that this machine has.

    Raises:
        EngineError: The spec asks for docker and no Docker engine answers.
    """
    from janitor.validator.engines.docker import DockerEngine  # noqa: PLC0415  # not needed by most
    from janitor.validator.engines.docker_client import DockerClient  # noqa: PLC0415
    from janitor.validator.engines.venv import VenvEngine  # noqa: PLC0415

    choice = bench.spec.engine
    if choice is EngineChoice.VENV:
        return VenvEngine(bench)
    client = DockerClient(bench.settings)
    if why_not := client.why_not():
        if choice is EngineChoice.DOCKER:
            raise EngineError(f"no Docker engine can be used: {why_not}")
        return VenvEngine(bench)
    return DockerEngine(bench, client)
