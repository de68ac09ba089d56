"""What every engine can do, and what it makes: results of the host and of the build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from janitor.diagnosis.host_conditions import Place
from janitor.guest.processes.supervisor import Outcome, Running
from janitor.protocol.report import Host
from janitor.protocol.terms.statuses import Engine
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced
from janitor.validator.gpu.gpu_use import GpuUse
from janitor.validator.gpu.host_gpu import Gpu

API_PORT = 8000
"""The SDK's default; used within a container, where nothing else is."""


class EngineError(Exception):
    """The engine could not do its part; no repository is to blame. The message says why, for people."""


@dataclass(frozen=True, kw_only=True)
class HandlerRun:
    """One run of the worker that has ended."""

    outcome: Outcome
    out_of_memory: bool
    """Whether the kernel killed it for want of memory."""
    has_run: bool | None = None
    """Whether the engine says that it ever started its program; None where nobody says."""


@dataclass(kw_only=True)
class Server:
    """A worker that serves the SDK's API."""

    url: str
    running: Running
    """Its process; the engine ends it."""
    out_of_memory: Callable[[], bool]
    """Whether the kernel has killed it for want of memory."""


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """What an engine is told of the machine."""

    host: Host
    gpu: Gpu | None

    @property
    def host_cuda(self) -> str | None:
        """The highest CUDA that the driver supports, such as 12.4."""
        return self.gpu.cuda if self.gpu is not None else None


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """`host`: the machine, and the engine that was chosen for it."""

    machine: MachineFacts
    engine: WorkerEngine


@dataclass(frozen=True, kw_only=True)
class BuildTime:
    """How long `docker build` took, and with how much of it in the cache."""

    cache: str
    """A `CacheState`."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """`build`: the worker, ready to run."""

    worker: BuiltWorker
    time: BuildTime | None = None
    """None from an engine that builds no image."""


@dataclass(frozen=True, kw_only=True)
class GpuResult:
    """`gpu_in_container`: what a container of the image showed."""

    cuda_detected: bool | None
    """Whether the image has CUDA; None where the container shows nothing to tell by."""


@dataclass(frozen=True, kw_only=True)
class StartResult:
    """`container_start`: a run of the image's real command."""

    local_run: HandlerRun | None
    """The run, if it had the test input: `handler_local` needs no other."""


class WorkerEngine(Protocol):
    """Builds a worker."""

    @property
    def kind(self) -> Engine:
        """Which engine this is."""

    def build(self, facts: WorkerFacts) -> Finding | Produced[BuildResult]:
        """Make the worker ready to run; the finding is that of `build`."""


class BuiltWorker(Protocol):
    """Runs a worker that was built. Each finding is that of the check of the same name."""

    @property
    def kind(self) -> Engine:
        """The engine that has built it."""

    @property
    def facts(self) -> WorkerFacts:
        """What it was built of."""

    @property
    def place(self) -> Place:
        """Where handlers run."""

    @property
    def gpu_use(self) -> GpuUse | None:
        """What the host's GPUs did while the worker ran, all runs together; None if that could not be seen."""

    def image(self) -> Finding | Produced[BuiltWorker]:
        """Describe the image, and yield the worker that knows it."""

    def run_python(self, program: str, limit: timedelta) -> Outcome:
        """Run a program of ours with the worker's interpreter, apart from the worker and untold in the log.

        Raises:
            EngineError: It could not be started.
        """

    def gpu_in_container(self) -> Finding | Produced[GpuResult]:
        """Show that a container of the image has the GPU."""

    def container_start(self) -> Finding | Produced[StartResult]:
        """Start the image's real command, with the test input if there is one."""

    def run_local(
        self, test_input: Mapping[str, Any], environment: Mapping[str, str], started: StartResult | None
    ) -> HandlerRun:
        """Run the worker's real command in the SDK's local mode.

        Args:
            test_input: The job.
            environment: Variables for the worker, beside those of the image and the spec.
            started: What its start has shown; a run that had the test input isn't repeated.

        Raises:
            EngineError: It could not be run.
        """

    def serve(
        self, environment: Mapping[str, str], *, command: str | None, by_environment: bool
    ) -> AbstractContextManager[Server]:
        """Start the worker with the SDK's API.

        Args:
            environment: Variables for the worker, beside those of the image and the spec.
            command: Shell words that take CMD's place.
            by_environment: Ask for the API by a variable instead of by arguments, for a worker that refuses those.

        Raises:
            EngineError: It could not be started.
        """

    def start_probed(self, probe: str, environment: Mapping[str, str]) -> AbstractContextManager[Running]:
        """Start the worker's real command without work, with a module of ours that its Python loads first.

        Args:
            probe: The module's text.
            environment: Variables for the worker, beside those of the image and the spec.

        Raises:
            EngineError: It could not be started.
        """
