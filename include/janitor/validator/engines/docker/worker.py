"""A worker as an image: described, started, and run in containers of it."""

from __future__ import annotations

import contextlib
import json
import posixpath
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from janitor.diagnosis.handler.sdk_log import BANNER
from janitor.diagnosis.host_conditions import Place
from janitor.guest.processes.supervisor import Outcome, Running
from janitor.inspection.dockerfile.command import Command
from janitor.inspection.dockerfile.lexer import split_words
from janitor.protocol.order.repository import PLATFORM_VARIABLES, TEST_VARIABLES
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import Engine
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import (
    API_PORT,
    BuiltWorker,
    EngineError,
    GpuResult,
    HandlerRun,
    MachineFacts,
    Server,
    StartResult,
)
from janitor.validator.engines.docker.container import Containers
from janitor.validator.engines.docker.gpu import show_gpu
from janitor.validator.engines.docker.start import Refusal, engine_refusal, judge_start
from janitor.validator.engines.local_end import wait_for_local_end
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored, failed, passed, skipped
from janitor.validator.gpu.gpu_use import GpuUse, GpuWatch

_START_LIMIT = timedelta(minutes=20)
"""Loading a model is part of a start."""
_SETTLE_LIMIT = timedelta(seconds=20)
"""A server of another kind than the SDK's has started when it has lived so long."""
_LAST_WORDS = timedelta(seconds=3)
_LOOK_SECONDS = 0.25
_NOT_FOUND = 127
"""Exit code of `docker run` for a program that the image doesn't have."""
_PROBE_FOLDER = "/janitor-probe"
_GROWTH = 1.25
"""An image that has grown by more than this since the last success is worth a look."""


@dataclass(frozen=True, kw_only=True)
class DockerWorker:
    """Implements `BuiltWorker` with containers."""

    context: CheckContext
    docker: DockerClient
    machine: MachineFacts
    containers: Containers
    watch: GpuWatch
    tag: str
    """The image's name."""
    facts: WorkerFacts
    config: Mapping[str, Any] = field(default_factory=dict)
    """The image's, as docker has it; empty before `image` has asked."""

    kind = Engine.DOCKER

    @property
    def place(self) -> Place:
        """Where handlers run: in the image itself."""
        return Place(
            has_gpu=self.machine.gpu is not None,
            gaps=(),
            in_image=lambda _path: True,
            is_image=True,
            unfetched_files=self.facts.repository.checkout.unfetched_files,
            hub_variables=self.facts.hub_variables,
        )

    @property
    def gpu_use(self) -> GpuUse | None:
        """What the host's GPUs did while the worker ran."""
        return self.watch.use

    def image(self) -> Finding | Produced[BuiltWorker]:
        """Describe the image: size, layers, digest; compare it with containerDiskInGb and the last success."""
        outcome = self.docker.command("image", "inspect", self.tag)
        try:
            details = json.loads(outcome.output.text)[0] if outcome.exit_code == 0 else None
        except (ValueError, LookupError):
            details = None
        if not isinstance(details, dict):
            return errored(ReasonCode.ENGINE_TROUBLE, "the image that was built can't be inspected", outcome=outcome)
        described = replace(self, config=details.get("Config") or {})
        digest = _digest(details.get("Id"))
        size, layers = int(details.get("Size", 0)), len(details.get("RootFS", {}).get("Layers") or ())
        facts = [
            f"digest: {digest}",
            f"size: {size / 1024**3:.2f} GiB ({size} bytes)",
            f"layers: {layers}",
            f"platform: {details.get('Os')}/{details.get('Architecture')}",
        ]
        earlier = self.context.spec.build.image_bytes if self.context.spec.build is not None else None
        if earlier:
            facts.append(f"at the last success: {earlier} bytes ({(size - earlier) / earlier:+.0%})")
        shown = [self.context.evidence.value("image", "\n".join(facts))]
        if earlier and size > earlier * _GROWTH:
            text = f"the image has grown from {earlier / 10**9:.2f} GB to {size / 10**9:.2f} GB since the last success"
            shown.append(self.context.evidence.value("warnings", text))
        disk = self.facts.disk_gigabytes
        if disk is not None and size > disk * 10**9:
            reason = f"the image has {size / 10**9:.1f} GB; containerDiskInGb is {disk}"
            finding = failed(ReasonCode.IMAGE_TOO_LARGE, reason, *shown, outcome=outcome, required=False)
        else:
            finding = passed(*shown, outcome=outcome)
        return Produced(finding.measured(image_bytes=size, layers=layers, digest=digest), described)

    def run_python(self, program: str, limit: timedelta) -> Outcome:
        """Run a program with the interpreter that the worker uses, or with the image's own, in a container of its own
        without network."""
        target = self.facts.image.command.target
        interpreters = [*([target.interpreter] if target is not None else []), "python3", "python"]
        for interpreter in dict.fromkeys(interpreters):
            options = ["--entrypoint", interpreter]
            outcome = self.containers.run(options, ["-c", program], limit=limit, apart=True).outcome
            if outcome.exit_code != _NOT_FOUND:
                break
        return outcome

    def gpu_in_container(self) -> Finding | Produced[GpuResult]:
        """Show that a container of the image has the GPU: nvidia-smi, then a kernel through torch if it is there."""
        if self.machine.gpu is None:
            return skipped(ReasonCode.GPU_MISSING, "this instance has no GPU, and none is required")
        shown = show_gpu(
            self.context,
            self.containers,
            self.watch,
            self.config,
            command=self.facts.image.command,
            host_cuda=self.machine.host_cuda,
        )
        return Produced(shown.finding, GpuResult(cuda_detected=shown.cuda_detected))

    def container_start(self) -> Finding | Produced[StartResult]:
        """Start the image's real command; a run with the test input serves `handler_local` too."""
        facts, local_run = self.facts, None
        if facts.test_input is not None and not facts.handler_kind.is_generator:
            handler_run = local_run = self._run_worker(facts.test_input, facts.test_environment)
        else:
            handler_run = self._start_only(facts.test_environment)
        serves = facts.is_load_balanced
        finding = judge_start(handler_run, evidence=self.context.evidence, place=self.place, serves=serves)
        return Produced(finding, StartResult(local_run=local_run))

    def run_local(
        self, test_input: Mapping[str, Any], environment: Mapping[str, str], started: StartResult | None
    ) -> HandlerRun:
        """The run that `container_start` made, or a new one."""
        earlier = started.local_run if started is not None else None
        handler_run = earlier or self._run_worker(test_input, environment)
        _raise_refused(handler_run)
        return handler_run

    def _run_worker(self, test_input: Mapping[str, Any], environment: Mapping[str, str]) -> HandlerRun:
        source = self.context.workspace.own / "test_input.json"
        source.write_text(json.dumps(test_input))
        source.chmod(0o644)
        target = posixpath.join(self._start_folder(), "test_input.json")
        mount = ["--mount", f"type=bind,source={source},target={target},readonly"]
        variables = self._worker_variables(environment)
        with self._watched(), self.containers.started(mount, [], variables=variables) as (name, running):
            wait_for_local_end(running)
            return self._end(name, running)

    def _start_only(self, environment: Mapping[str, str]) -> HandlerRun:
        """Start the real command without work for it, until it shows that it has started."""
        limit = _SETTLE_LIMIT if self.facts.is_load_balanced else _START_LIMIT
        deadline = time.monotonic() + limit.total_seconds()
        with self.containers.started([], [], variables=self._worker_variables(environment)) as (name, running):
            while not running.wait(timedelta(seconds=_LOOK_SECONDS)) and time.monotonic() < deadline:
                if BANNER in running.output_so_far():
                    running.wait(_LAST_WORDS)
                    break
            return self._end(name, running)

    def _end(self, name: str, running: Running) -> HandlerRun:
        """End a container; its state is asked for first, so that it tells nothing of that end."""
        state = self.docker.state(name)
        return HandlerRun(outcome=running.end(), out_of_memory=state.out_of_memory, has_run=state.has_run)

    @contextlib.contextmanager
    def serve(self, environment: Mapping[str, str], *, command: str | None, by_environment: bool) -> Iterator[Server]:
        """Start a container with the SDK's API.

        It is reached at its own address where that can be, else through a free port of the loopback interface: the
        engine's proxy for such a port can end while the container runs (https://github.com/moby/moby/issues/45152).
        """
        variables = self._worker_variables(environment)
        options, words = _with_api(self.facts.image.command, command)
        if by_environment or not words:
            variables["RUNPOD_REALTIME_PORT"] = str(API_PORT)
            options, words = [], split_words(command) if command is not None else []
        is_near = self.docker.shares_network()
        options = [*options, *(() if is_near else ("--publish", f"127.0.0.1::{API_PORT}"))]
        with self._watched(), self.containers.started(options, words, variables=variables) as (name, running):
            find = self.docker.own_address if is_near else self.docker.published_address
            address = find(name, API_PORT, alive=lambda: running.exit_code is None)
            if running.exit_code is not None:
                _raise_refused(self._end(name, running))
            yield Server(
                url=f"http://{address}",
                running=running,
                out_of_memory=lambda: self.docker.state(name).out_of_memory,
            )

    @contextlib.contextmanager
    def start_probed(self, probe: str, environment: Mapping[str, str]) -> Iterator[Running]:
        """Start a container of the image's command with a module of ours on its Python's path."""
        source = self.context.workspace.write_probe(probe)
        mount = ["--mount", f"type=bind,source={source},target={_PROBE_FOLDER},readonly"]
        variables = self._worker_variables(environment)
        variables["PYTHONPATH"] = ":".join(filter(None, (_PROBE_FOLDER, variables.get("PYTHONPATH", self._path()))))
        with self._watched(), self.containers.started(mount, [], variables=variables) as (name, running):
            yield running
            if running.exit_code is not None:
                _raise_refused(self._end(name, running))

    def _path(self) -> str:
        """Where the image's own Python looks for modules first."""
        image = self.config.get("Env") or ()
        stated = dict(each.partition("=")[::2] for each in image if isinstance(each, str))
        return stated.get("PYTHONPATH") or self.facts.image.dockerfile.final.environment.get("PYTHONPATH", "")

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        if self.machine.gpu is None:
            yield
            return
        self.watch.start()
        try:
            yield
        finally:
            self.watch.stop()

    def _start_folder(self) -> str:
        """Where the worker's program starts: the SDK looks for its test input there."""
        image = self.facts.image
        target, stated = image.command.target, image.dockerfile.final.workdir
        if target is not None and target.workdir != stated:
            return target.workdir  # a script goes there first
        # A base image can have a folder of its own, which the Dockerfile doesn't tell.
        return str(self.config.get("WorkingDir") or "/") if self.config else stated

    def _worker_variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        variables = {**environment, **self.context.worker_variables}
        for name in PLATFORM_VARIABLES:
            variables.pop(name, None)
        return {**variables, **TEST_VARIABLES}


def _digest(identity: object) -> str | None:
    """An image's id with the name of its hash, which podman leaves out."""
    return None if identity is None else f"sha256:{str(identity).removeprefix('sha256:')}"


def _raise_refused(handler_run: HandlerRun) -> None:
    """A container that the engine could not run shows nothing of the worker."""
    refused = engine_refusal(handler_run)
    if refused is not None and refused[0] is not Refusal.IMAGE:
        raise EngineError(f"docker could not run the container: {refused[1]}")


def _with_api(known: Command, override: str | None) -> tuple[list[str], list[str]]:
    """Options and words of `docker run` that start the worker with the API; no words if it takes no arguments."""
    arguments = ["--rp_serve_api", "--rp_api_host", "0.0.0.0", "--rp_api_port", str(API_PORT)]  # noqa: S104  # a container
    # The judge reads what the SDK says of each job, whatever level the command asks for.
    arguments += ["--rp_log_level", "DEBUG"]
    if override is not None:
        return [], [*split_words(override), *arguments]
    if known.appendable is not None:
        return [], [*known.appendable, *arguments]
    if known.shell_text is not None:
        return ["--entrypoint", "/bin/sh"], ["-c", f"exec {known.shell_text} {' '.join(arguments)}"]
    return [], []
