"""The docker engine: builds the image and runs it, as the platform would.

A container of the image gets no host network, no capability, no credential, limits on memory and processes, and is
removed in every case. The engine's command is trusted; what runs in the container isn't.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from janitor.protocol.statuses import Engine
from janitor.validator.bench import Bench, given
from janitor.validator.dockerfile.command import Command
from janitor.validator.dockerfile.lexer import split_words
from janitor.validator.engines.base import API_PORT, EngineError, HandlerRun, Server
from janitor.validator.engines.build_log import failing_step
from janitor.validator.engines.docker_client import DockerClient
from janitor.validator.engines.excuses import Place
from janitor.validator.engines.gpu_probe import TORCH_PROBE, judge_gpu
from janitor.validator.engines.trouble import build_trouble
from janitor.validator.findings import Finding, errored, failed, passed, skipped
from janitor.validator.interrupts import Interrupted

LABEL = "janitor.validation"
"""What containers and images of a validation carry, with its id."""
_NO_LIMIT = timedelta(days=1)
"""The spec's deadline bounds what has no limit of its own."""
_PROBE_LIMIT = timedelta(minutes=10)
"""A probe's container may have to load a large framework."""
_PIDS = 4_096
_MEMORY_SHARE = 0.9
_SHARED_MEMORY_BYTES = 8 * 1024**3
_NOT_LOCAL = ("RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_REALTIME_PORT")
_SHORT_TAIL = 16_000
_ENGINE_REFUSED = 125
_NOT_STARTED = frozenset({126, 127})
"""Not executable, not found. Source: `docker run` reference, "Exit status"; 125 is the engine's own."""


class DockerEngine:
    """Implements `WorkerEngine` with a Docker engine.

    Args:
        bench: The validation that it works for; its Dockerfile must have been read when `build` is called.
    """

    kind = Engine.DOCKER

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._tag = f"janitor/{bench.spec.validation_id}"
        self._docker = DockerClient(bench.settings)
        self._containers = 0
        self._workdir: str | None = None
        self._local_run: HandlerRun | None = None

    @property
    def place(self) -> Place:
        """Where handlers run: in the image itself."""
        known = self._bench.known
        return Place(
            has_gpu=bool(known.gpu_available),
            gaps=(),
            in_image=lambda _path: True,
            is_image=True,
            unfetched_files=known.unfetched_files,
        )

    # -- build

    def build(self) -> Finding:
        """Run `docker build` on the repository's root."""
        bench = self._bench
        repository = bench.spec.repository
        # A build argument without a value is taken from the client's environment, so that it stays out of our argv.
        arguments = [part for name in repository.build_args for part in ("--build-arg", name)]
        outcome = self._docker.run(
            [
                *("build", "--progress", "plain", "--tag", self._tag),
                *("--label", f"{LABEL}={bench.spec.validation_id}"),
                *arguments,
                *("--file", str(bench.workspace.checkout / given(given(bench.known.layout).dockerfile))),
                str(bench.workspace.checkout),
            ],
            limit=_NO_LIMIT,
            sink=bench.journal.streamer(),
            variables={**repository.build_args, "DOCKER_BUILDKIT": "1"},
        )
        log = bench.evidence.log("docker build", outcome)
        cached = len(re.findall(r"^#\d+ CACHED$", outcome.output.text, re.MULTILINE))
        if outcome.exit_code == 0:
            return passed(log, bench.evidence.value("cache", f"{cached} steps came from the cache"), outcome=outcome)
        step = failing_step(outcome.output.text)
        # The step's own output decides; what other steps printed on the way does not.
        trouble = build_trouble(step.output if step else outcome.output.text[-_SHORT_TAIL:], outcome.exit_code)
        where = f"in step {step.name}: " if step else ""
        if trouble is not None and not trouble.repository_at_fault:
            return errored(trouble.code, where + trouble.reason, log, outcome=outcome)
        if trouble is not None:
            return failed(trouble.code, where + trouble.reason, log, outcome=outcome)
        if step is not None:
            return failed("build_step_failed", f"{where}{step.error}", log, outcome=outcome)
        last = " ".join(outcome.output.text.split())[-300:]
        return errored("build_unclear", f"docker build failed: {last}", log, outcome=outcome)

    def image(self) -> Finding:
        """Describe the image: size, layers, digest."""
        outcome = self._docker.command("image", "inspect", self._tag)
        if outcome.exit_code != 0:
            return errored("engine_trouble", "the image that was built can't be inspected", outcome=outcome)
        details = json.loads(outcome.output.text)[0]
        self._workdir = details.get("Config", {}).get("WorkingDir") or "/"
        size = int(details.get("Size", 0))
        facts = [
            f"id: {details.get('Id')}",
            f"size: {size / 1024**3:.2f} GiB",
            f"layers: {len(details.get('RootFS', {}).get('Layers', ()))}",
        ]
        disk = self._bench.known.disk_gigabytes
        if disk is not None and size > disk * 10**9:
            facts.append(f"larger than containerDiskInGb ({disk})")
        return passed(self._bench.evidence.value("image", "\n".join(facts)), outcome=outcome)

    def gpu_in_container(self) -> Finding:
        """Show that a container of the image has the GPU: nvidia-smi, then a kernel through torch if it is there."""
        bench = self._bench
        if not bench.known.gpu_available:
            return skipped("gpu_missing", "this instance has no GPU, and none is required")
        smi = self._run_container(["--entrypoint", "nvidia-smi"], ["-L"], limit=_PROBE_LIMIT).outcome
        torch = None
        if smi.exit_code == 0:
            words = ["-c", TORCH_PROBE]
            torch = self._run_container(["--entrypoint", "python3"], words, limit=_PROBE_LIMIT).outcome
        shown = judge_gpu(smi, torch, evidence=bench.evidence, required=bench.spec.gpu_required)
        bench.known.cuda_detected = shown.cuda_detected
        return shown.finding

    # -- run

    def container_start(self) -> Finding:
        """Start the image's real command with the test input; the run serves `handler_local` too."""
        known = self._bench.known
        if known.test_input is None or known.handler_kind.is_generator:
            return skipped("no_test_input", "the container is started by handler_api")
        environment = known.plan.environment if known.plan else {}
        self._local_run = self._run_worker(known.test_input, environment)
        outcome = self._local_run.outcome
        log = self._bench.evidence.log("container", outcome)
        if self._local_run.out_of_memory:
            return errored("out_of_memory", "the container was killed for want of memory", log, outcome=outcome)
        if outcome.exit_code == _ENGINE_REFUSED:
            last = " ".join(outcome.output.text.split())[-300:]
            return errored("engine_trouble", f"docker could not run the container: {last}", log, outcome=outcome)
        if outcome.exit_code in _NOT_STARTED:
            last = " ".join(outcome.output.text.split())[-300:]
            return failed("command_not_started", f"the image's command can't be started: {last}", log, outcome=outcome)
        return passed(log, outcome=outcome)

    def run_local(self, test_input: Mapping[str, Any], environment: Mapping[str, str]) -> HandlerRun:
        """The run that `container_start` made, or a new one."""
        if self._local_run is None:
            self._local_run = self._run_worker(test_input, environment)
        return self._local_run

    @contextlib.contextmanager
    def serve(self, environment: Mapping[str, str], *, command: str | None, by_environment: bool) -> Iterator[Server]:
        """Start a container with the SDK's API, published on a free port of the loopback interface."""
        name = self._next_name()
        variables = self._worker_variables(environment)
        options, words = _with_api(given(self._bench.known.command), command)
        if by_environment or not words:
            variables["RUNPOD_REALTIME_PORT"] = str(API_PORT)
            options, words = [], split_words(command) if command is not None else []
        arguments = self._run_arguments(name, variables, [*options, "--publish", f"127.0.0.1::{API_PORT}"], words)
        with self._removing(name), self._docker.start(arguments, sink=self._bench.journal.streamer()) as running:
            port = self._docker.published_port(name, API_PORT, alive=lambda: running.exit_code is None)
            yield Server(
                url=f"http://127.0.0.1:{port}",
                running=running,
                out_of_memory=lambda: self._docker.state(name).out_of_memory,
            )

    def clean_up(self) -> list[str]:
        """Remove the containers and the image of this validation, and look whether they are gone."""
        label = f"label={LABEL}={self._bench.spec.validation_id}"
        left: list[str] = []
        for listing, removal, what in (
            (("ps", "--all", "--quiet", "--filter", label), ("rm", "--force", "--volumes"), "containers"),
            (("images", "--quiet", "--filter", label), ("rmi", "--force"), "images"),
        ):
            try:
                found = sorted(set(self._docker.command(*listing).output.text.split()))
                if found:
                    self._docker.command(*removal, *found)
                    found = self._docker.command(*listing).output.text.split()
            except EngineError as exc:
                found = [str(exc)]
            if found:
                left.append(f"{what} {', '.join(found[:5])}")
        return left

    def _run_worker(self, test_input: Mapping[str, Any], environment: Mapping[str, str]) -> HandlerRun:
        workdir = self._start_folder()
        source = self._bench.workspace.temporary / "test_input.json"
        source.write_text(json.dumps(test_input))
        source.chmod(0o644)
        target = posixpath.join(workdir, "test_input.json")
        mount = ["--mount", f"type=bind,source={source},target={target},readonly"]
        return self._run_container(mount, [], limit=_NO_LIMIT, variables=self._worker_variables(environment))

    def _run_container(
        self,
        options: Sequence[str],
        words: Sequence[str],
        *,
        limit: timedelta,
        variables: Mapping[str, str] | None = None,
    ) -> HandlerRun:
        """Run a container to its end and remove it."""
        name = self._next_name()
        arguments = self._run_arguments(name, variables or {}, options, words)
        with self._removing(name):
            outcome = self._docker.run(arguments, limit=limit, sink=self._bench.journal.streamer())
            return HandlerRun(outcome=outcome, out_of_memory=self._docker.state(name).out_of_memory)

    @contextlib.contextmanager
    def _removing(self, name: str) -> Iterator[None]:
        """Remove the container when the block ends; after an interrupt the cleanup does it, the report goes first."""
        try:
            yield
        except Interrupted:
            raise
        except BaseException:
            self._docker.remove(name)
            raise
        self._docker.remove(name)

    def _start_folder(self) -> str:
        """Where the worker's program starts: the SDK looks for its test input there."""
        known = self._bench.known
        target, stated = given(known.command).target, given(known.dockerfile).final.workdir
        if target is not None and target.workdir != stated:
            return target.workdir  # a script goes there first
        # A base image can have a folder of its own, which the Dockerfile doesn't tell.
        return self._workdir or stated

    def _run_arguments(
        self, name: str, variables: Mapping[str, str], options: Sequence[str], words: Sequence[str]
    ) -> list[str]:
        bench = self._bench
        # By file: values stay out of the argument list, which every process of the machine can read.
        env_file = bench.workspace.temporary / f"{name}.env"
        lines = [f"{key}={value}" for key, value in variables.items() if "\n" not in value]
        # An environment file can't hold a value of several lines.
        others = [part for key, value in variables.items() if "\n" in value for part in ("--env", f"{key}={value}")]
        env_file.write_text("\n".join(lines) + "\n")
        env_file.chmod(0o600)
        memory = int(given(bench.known.host).memory_bytes * _MEMORY_SHARE)
        gpus = ["--gpus", "all"] if bench.known.gpu_available else []
        return [
            *("run", "--name", name, "--label", f"{LABEL}={bench.spec.validation_id}"),
            *("--network", "bridge", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--memory", str(memory), "--memory-swap", str(memory), "--pids-limit", str(_PIDS)),
            # What is printed is taken from the client; a copy on the host's disk would have no bound.
            *(
                "--log-driver",
                "none",
                "--env-file",
                str(env_file),
                "--shm-size",
                str(min(memory // 2, _SHARED_MEMORY_BYTES)),
            ),
            *others,
            *gpus,
            *options,
            self._tag,
            *words,
        ]

    def _worker_variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        variables = {**environment, **self._bench.spec.repository.env}
        for name in _NOT_LOCAL:
            variables.pop(name, None)
        return {**variables, "PYTHONUNBUFFERED": "1", "RUNPOD_LOG_LEVEL": "DEBUG", "RUNPOD_DEBUG_LEVEL": "DEBUG"}

    def _next_name(self) -> str:
        self._containers += 1
        return f"janitor-{self._bench.spec.validation_id}-{self._containers}"


def _with_api(known: Command, override: str | None) -> tuple[list[str], list[str]]:
    """Options and words of `docker run` that start the worker with the API; no words if it takes no arguments."""
    arguments = ["--rp_serve_api", "--rp_api_host", "0.0.0.0", "--rp_api_port", str(API_PORT)]  # noqa: S104  # a container
    if override is not None:
        return [], [*split_words(override), *arguments]
    if known.appendable is not None:
        return [], [*known.appendable, *arguments]
    if known.shell_text is not None:
        return ["--entrypoint", "/bin/sh"], ["-c", f"exec {known.shell_text} {' '.join(arguments)}"]
    return [], []
