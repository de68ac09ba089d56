"""What every engine can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from janitor.diagnosis.excuses import Place
from janitor.guest.processes.supervisor import Outcome, Running
from janitor.protocol.statuses import Engine
from janitor.validator.findings import Finding
from janitor.validator.gpu_use import GpuUse

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


class WorkerEngine(Protocol):
    """Builds a worker and runs it.

    Build comes first and must pass before anything is run. Each finding is that of the check of the same name.
    """

    @property
    def kind(self) -> Engine:
        """Which engine this is."""

    @property
    def place(self) -> Place:
        """Where handlers run."""

    @property
    def image_name(self) -> str | None:
        """The image that was built; None where there is none."""

    @property
    def gpu_use(self) -> GpuUse | None:
        """What the host's GPUs did while the worker ran, all runs together; None if that could not be seen."""

    def build(self) -> Finding:
        """Make the worker ready to run."""

    def image(self) -> Finding:
        """Describe the image."""

    def gpu_in_container(self) -> Finding:
        """Show that a container of the image has the GPU."""

    def container_start(self) -> Finding:
        """Start the image's real command, with the test input if there is one, and keep that run for `run_local`."""

    def run_local(self, test_input: Mapping[str, Any], environment: Mapping[str, str]) -> HandlerRun:
        """Run the worker's real command in the SDK's local mode.

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

    def clean_up(self) -> list[str]:
        """Remove what the engine made outside the workspace; returns what could not be removed, in words."""
