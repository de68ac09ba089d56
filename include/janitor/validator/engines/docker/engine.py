"""The docker engine: builds the image and runs it, as the platform would.

The engine's command is trusted; what runs in the containers isn't (see `janitor.validator.engines.docker.container`).
"""

from __future__ import annotations

from janitor.protocol.terms.statuses import Engine
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import BuildResult, EngineError, MachineFacts
from janitor.validator.engines.docker.build import build_image
from janitor.validator.engines.docker.container import Containers
from janitor.validator.engines.docker.worker import DockerWorker
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced
from janitor.validator.gpu.gpu_use import GpuWatch


class DockerEngine:
    """Implements `WorkerEngine` with a Docker engine. What it leaves there is removed by the cleanup.

    Args:
        context: The validation that it works for.
        docker: Reaches the engine.
        machine: Where it runs.
    """

    kind = Engine.DOCKER

    def __init__(self, context: CheckContext, docker: DockerClient, machine: MachineFacts) -> None:
        self._context = context
        self._docker = docker
        self._machine = machine
        self._tag = f"janitor/{context.spec.validation_id}"
        self._containers = Containers(context, docker, machine, self._tag)
        self._watch = GpuWatch({"PATH": context.settings.path})
        context.cleanups.add("containers, images", self._clean_up)

    def build(self, facts: WorkerFacts) -> Finding | Produced[BuildResult]:
        """Run `docker build` with BuildKit."""
        built = build_image(self._context, facts, self._docker, tag=self._tag, label=self._containers.label)
        if not isinstance(built, Produced):
            return built
        worker = DockerWorker(
            context=self._context,
            docker=self._docker,
            machine=self._machine,
            containers=self._containers,
            watch=self._watch,
            tag=self._tag,
            facts=facts,
        )
        return Produced(built.finding, BuildResult(worker=worker, time=built.facts))

    def _clean_up(self) -> list[str]:
        """Remove the containers and the image of this validation, and look whether they are gone."""
        self._watch.stop()
        try:
            return self._containers.remove_all()
        except EngineError as exc:
            return [f"containers and images: {exc}"]
