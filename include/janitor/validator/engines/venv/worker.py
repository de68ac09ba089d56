"""A worker as a folder of files and a Python environment: its program runs there, without the image. No sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from janitor.diagnosis.host_conditions import Place
from janitor.guest.processes.confinement import hand_over
from janitor.guest.processes.free_port import free_port
from janitor.guest.processes.memory import kills_for_memory
from janitor.guest.processes.supervisor import Outcome, ProcessStartError, Running, run, start
from janitor.inspection.capability_gap import Gap
from janitor.inspection.dockerfile.command import PythonTarget, stage_command
from janitor.protocol.order.repository import RESERVED_VARIABLES, TEST_VARIABLES
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import Engine
from janitor.validator.context import CheckContext
from janitor.validator.engine import (
    BuiltWorker,
    EngineError,
    GpuResult,
    HandlerRun,
    MachineFacts,
    Server,
    StartResult,
)
from janitor.validator.engines.local_end import wait_for_local_end
from janitor.validator.engines.venv.image_folder import ImageFolder
from janitor.validator.engines.venv.named_folders import named_folders
from janitor.validator.engines.venv.python_environment import PythonEnvironment
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, skipped
from janitor.validator.gpu.gpu_use import GpuUse


class MemoryKills:
    """Whether the kernel has killed for want of memory since a run began."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A run begins."""
        self._before = kills_for_memory()

    def happened(self) -> bool:
        """Whether it has; False where that can't be seen."""
        now = kills_for_memory()
        return now is not None and self._before is not None and now > self._before


@dataclass(frozen=True, kw_only=True)
class VenvWorker:
    """Implements `BuiltWorker` with a virtual environment."""

    context: CheckContext
    machine: MachineFacts
    facts: WorkerFacts
    target: PythonTarget
    """What the container starts."""
    python: PythonEnvironment
    folder: ImageFolder
    gaps: tuple[Gap, ...]
    """What the image has and this place lacks."""
    made: frozenset[str]
    """Absolute paths in the image that the build's commands make."""
    base_modules: frozenset[str]
    """Modules that the base image brings."""
    kills: MemoryKills = field(default_factory=MemoryKills)

    kind = Engine.VENV

    @property
    def place(self) -> Place:
        """Where handlers run: here, with what the image has and this place lacks."""
        facts = self.facts
        in_image = facts.image.holds
        return Place(
            has_gpu=self.machine.gpu is not None,
            gaps=self.gaps,
            in_image=in_image,
            is_image=False,
            unfetched_files=facts.repository.checkout.unfetched_files,
            hub_variables=facts.hub_variables,
            made=self.made,
            root=str(self.context.workspace.image_root),
            workdir=facts.image.dockerfile.final.workdir,
            base_modules=self.base_modules,
            killed_for_memory=self.kills.happened(),
            named_folders=lambda: named_folders(facts.image_files, facts.tree, in_image),
        )

    # -- what only an image has

    @property
    def gpu_use(self) -> GpuUse | None:
        """Not watched: a green report of this engine says nothing of the GPU."""
        return None

    def image(self) -> Finding | Produced[BuiltWorker]:
        """There is no image."""
        return skipped(ReasonCode.ENGINE_VENV, "the venv engine makes no image")

    def run_python(self, program: str, limit: timedelta) -> Outcome:
        """Run a program with the environment's interpreter, in a folder without files."""
        self.folder.start_afresh()
        try:
            return run(
                [str(self.python.python), "-c", program],
                cwd=self.context.workspace.neutral,
                env=self._worker_environment({}),
                limit=limit,
                confined=True,
            )
        except ProcessStartError as exc:
            raise EngineError(f"the environment's interpreter can't be started: {exc}") from exc

    def gpu_in_container(self) -> Finding | Produced[GpuResult]:
        """There is no container."""
        return skipped(ReasonCode.ENGINE_VENV, "the venv engine starts no container")

    def container_start(self) -> Finding | Produced[StartResult]:
        """There is no container."""
        return skipped(ReasonCode.ENGINE_VENV, "the venv engine starts no container")

    # -- run

    def run_local(
        self, test_input: Mapping[str, Any], environment: Mapping[str, str], _started: StartResult | None
    ) -> HandlerRun:
        """Run the worker's program with the test input in its folder, where the SDK looks for it."""
        self.folder.start_afresh()
        self.kills.begin()
        target = self.target
        cwd = self._start_folder(target)
        placed = cwd / "test_input.json"
        # Never written through: it may be a hard link to the checkout's own.
        placed.unlink(missing_ok=True)
        placed.write_text(json.dumps(test_input))
        hand_over(placed)
        try:
            running = start(
                self._argv(target),
                cwd=cwd,
                env=self._worker_environment(environment),
                confined=True,
                sink=self.context.journal.streamer(),
            )
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        with running:
            wait_for_local_end(running)
            outcome = running.end()
        return HandlerRun(outcome=outcome, out_of_memory=outcome.exit_code == -9 and self.kills.happened())

    @contextlib.contextmanager
    def serve(self, environment: Mapping[str, str], *, command: str | None, by_environment: bool) -> Iterator[Server]:
        """Start the worker's program with the SDK's API on a free port of the loopback interface."""
        target = self.target if command is None else start_target(self.facts, command)
        if target is None:
            raise EngineError(f"the venv engine can't tell which Python program {command!r} starts")
        self.folder.start_afresh()
        self.kills.begin()
        port = free_port()
        argv = self._argv(target)
        env = self._worker_environment(environment)
        if by_environment:
            env["RUNPOD_REALTIME_PORT"] = str(port)
        else:
            argv += ["--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port)]
            # The judge reads what the SDK says of each job, whatever level the command asks for.
            argv += ["--rp_log_level", "DEBUG"]
        cwd = self._start_folder(target)
        try:
            running = start(argv, cwd=cwd, env=env, confined=True, sink=self.context.journal.streamer())
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        with running:
            yield Server(
                url=f"http://127.0.0.1:{port}",
                running=running,
                out_of_memory=lambda: running.exit_code == -9 and self.kills.happened(),
            )

    @contextlib.contextmanager
    def start_probed(self, probe: str, environment: Mapping[str, str]) -> Iterator[Running]:
        """Start the worker's program with a module of ours on its path."""
        self.folder.start_afresh()
        folder = self.context.workspace.write_probe(probe)
        env = self._worker_environment(environment)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), env.get("PYTHONPATH"))))
        cwd = self._start_folder(self.target)
        try:
            running = start(
                self._argv(self.target), cwd=cwd, env=env, confined=True, sink=self.context.journal.streamer()
            )
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        with running:
            yield running

    # -- helpers

    def _start_folder(self, target: PythonTarget) -> Path:
        """Where the worker's program starts.

        Raises:
            EngineError: It can't be made here.
        """
        try:
            cwd = self.folder.held(posixpath.join(target.workdir, "x")).parent
            if not cwd.is_dir():
                cwd.mkdir(parents=True, exist_ok=True)
                hand_over(cwd)
        except OSError as exc:
            raise EngineError(f"the worker's folder can't be made here: {exc}") from exc
        return cwd

    def _argv(self, target: PythonTarget) -> list[str]:
        program = ["-m", target.module] if target.script is None else [str(self.folder.real(target.script))]
        return [str(self.python.python), *target.options, *(part for part in program if part), *target.arguments]

    def _worker_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The image's variables, then the test's, then the spec's; what makes this place work stays ours."""
        context = self.context
        wanted = {**self.facts.image.dockerfile.final.environment, **environment, **context.worker_variables}
        env = {name: value for name, value in wanted.items() if name not in RESERVED_VARIABLES}
        if path := env.get("PYTHONPATH"):
            env["PYTHONPATH"] = os.pathsep.join(str(self.folder.real(part)) for part in path.split(os.pathsep) if part)
        binaries = str(context.workspace.venv / "bin")
        return {
            **env,
            **context.settings.certificates,
            "HOME": str(context.workspace.home),
            "TMPDIR": str(context.workspace.temporary),
            "LANG": "C.UTF-8",
            "PATH": f"{binaries}:{context.settings.path}",
            "VIRTUAL_ENV": str(context.workspace.venv),
            **TEST_VARIABLES,
        }


def start_target(facts: WorkerFacts, command: str | None) -> PythonTarget | None:
    """The Python program that the container starts: what its command leads to, else the file with the start call.

    Args:
        facts: The worker.
        command: Shell words that take CMD's place.
    """
    image, files = facts.image, facts.image.held
    known = image.command
    if command is not None:
        known = stage_command(
            image.dockerfile.final,
            read=lambda path: facts.tree.read_text(files[path]) if path in files else None,
            override=command,
        )
    target = known.target
    if target is not None and (target.script is None or target.script in files):
        return target
    entry = facts.python.entry if facts.python is not None else None
    for path, source in files.items():
        if entry is not None and source == entry:
            arguments = target.arguments if target else ()
            workdir = target.workdir if target else image.dockerfile.final.workdir
            return PythonTarget(
                script=path, module=None, options=(), arguments=arguments, interpreter="python3", workdir=workdir
            )
    return None
