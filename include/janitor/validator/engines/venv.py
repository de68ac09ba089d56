"""The venv engine: makes the worker's Python environment and runs its handler in it, without building the image.

The repository's files are laid out as COPY would put them, the packages are those that the RUN instructions install.
What it can't bring is kept as gaps, so that a handler that fails for want of it is not blamed. It is no sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import re
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from janitor.protocol.report import Evidence
from janitor.protocol.statuses import Engine
from janitor.validator.bench import Bench, given
from janitor.validator.dockerfile.command import PythonTarget, stage_command
from janitor.validator.dockerfile.image_files import copies_from_elsewhere
from janitor.validator.dockerfile.python_version import python_version
from janitor.validator.engines.base import EngineError, HandlerRun, Server
from janitor.validator.engines.excuses import Place
from janitor.validator.engines.gaps import Gap, listed
from janitor.validator.engines.gpu_use import GpuUse
from janitor.validator.engines.install import IMAGE_PATH, Install, plan_installs
from janitor.validator.engines.python_environment import NO_LIMIT, PythonEnvironment
from janitor.validator.engines.trouble import build_trouble
from janitor.validator.findings import Finding, errored, failed, passed, skipped
from janitor.validator.processes.supervisor import Outcome, ProcessStartError, run, start

_BARE_BASES = frozenset({"python", "ubuntu", "debian", "alpine", "scratch"})
_SYSTEM_BASES = frozenset({"nvidia/cuda", "nvcr.io/nvidia/cuda", "runpod/base"})
"""Bases that bring libraries of the system, but nothing that a worker would miss in another way."""
_KEPT_FROM_US = frozenset({"PATH", "HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR"})
# With one of these the SDK would look for work on the platform instead of running locally.
_NOT_LOCAL = frozenset({"RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_REALTIME_PORT"})
_SHORT_TAIL = 16_000
_INSTALL_LINES = 12
"""The list of a hundred packages is in the report's evidence; nobody follows it live."""


class VenvEngine:
    """Implements `WorkerEngine` with a virtual environment.

    Args:
        bench: The validation that it works for; its Dockerfile must have been read when `build` is called.
    """

    kind = Engine.VENV

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._environment = PythonEnvironment(bench.settings, bench.workspace)
        self._gaps: tuple[Gap, ...] = ()

    @property
    def place(self) -> Place:
        """Where handlers run: here, with what the image has and this place lacks."""
        known = self._bench.known
        folders = {str(parent) for path in known.image_files for parent in PurePosixPath(path).parents} - {"/"}
        return Place(
            has_gpu=bool(known.gpu_available),
            gaps=self._gaps,
            in_image=lambda path: posixpath.normpath(path) in folders or posixpath.normpath(path) in known.image_files,
            is_image=False,
            unfetched_files=known.unfetched_files,
        )

    # -- build

    def build(self) -> Finding:
        """Lay out the image's files and install its packages."""
        bench = self._bench
        if self._target(None) is None:
            return skipped(
                "engine_limit", "the venv engine can't tell which Python program the image starts", required=True
            )
        self._lay_out()
        dockerfile = given(bench.known.dockerfile)
        plan = plan_installs(dockerfile, self.place.in_image)
        installs = plan.installs or self._fallback()
        wanted = python_version(dockerfile)
        version = self._environment.make(wanted)
        gaps = [*self._image_gaps(), *plan.gaps]
        if wanted is not None and version != f"{wanted[0]}.{wanted[1]}":
            text = f"Python {wanted[0]}.{wanted[1]} (this is Python {version})"
            gaps.append(Gap(text=text, is_deep=False))
        self._gaps = tuple(gaps)
        evidence = [bench.evidence.value("plan", self._describe(installs, version))]
        outcome = None
        for install in installs:
            outcome = self._environment.install(install, real=self._real, sink=bench.journal.streamer(_INSTALL_LINES))
            evidence.append(bench.evidence.log(f"install, line {install.line}" if install.line else "install", outcome))
            if outcome.exit_code != 0:
                return self._failed_install(outcome, evidence)
        return passed(*evidence, outcome=outcome)

    def _lay_out(self) -> None:
        """Put the repository's files where the image has them; hard links keep it cheap whatever their size."""
        root = self._bench.workspace.image_root
        source_root = given(self._bench.known.tree).root
        for path, source in self._bench.known.image_files.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(source_root / source, target, follow_symlinks=False)
            except OSError:
                shutil.copy2(source_root / source, target, follow_symlinks=False)
        self._real(given(self._bench.known.dockerfile).final.workdir).mkdir(parents=True, exist_ok=True)

    def _failed_install(self, outcome: Outcome, evidence: list[Evidence]) -> Finding:
        text = outcome.output.text[-_SHORT_TAIL:]
        trouble = build_trouble(text, outcome.exit_code)
        if trouble is None:
            # uv ends with 1 for what can't be resolved or built, and with 2 for what it could not do.
            return errored("install_failed", f"the installer failed: {text.strip()[-300:]}", *evidence, outcome=outcome)
        if not trouble.repository_at_fault:
            return errored(trouble.code, trouble.reason, *evidence, outcome=outcome)
        if self._gaps and trouble.code in ("dependency_build", "dependency_python", "dependency_not_found"):
            reason = f"the venv engine lacks what the image has ({listed(self._gaps)}): {trouble.reason}"
            return errored("engine_limit", reason, *evidence, outcome=outcome)
        return failed(trouble.code, trouble.reason, *evidence, outcome=outcome)

    def _fallback(self) -> tuple[Install, ...]:
        """The requirements files where workers usually keep them, for a Dockerfile that installs by other means."""
        tree = given(self._bench.known.tree)
        for name in ("builder/requirements.txt", "requirements.txt"):
            if tree.is_file(name):
                target = self._bench.workspace.image_root / f".janitor-{name.replace('/', '-')}"
                target.write_bytes(tree.read(name))
                return (Install(arguments=("-r", f"{IMAGE_PATH}/{target.name}"), workdir="/", line=0),)
        return ()

    def _image_gaps(self) -> list[Gap]:
        dockerfile, command = given(self._bench.known.dockerfile), given(self._bench.known.command)
        base = dockerfile.final.base_image
        name = re.split(r"[:@]", base)[0].removeprefix("docker.io/").removeprefix("library/")
        gaps = []
        if name not in _BARE_BASES:
            gaps.append(Gap(text=f"the base image {base}", is_deep=name not in _SYSTEM_BASES))
        gaps += [
            Gap(text=f"{copy.keyword} of {' '.join(copy.sources)[:80]} (line {copy.line})", is_deep=True)
            for copy in copies_from_elsewhere(dockerfile)
        ]
        if command.files and command.files[0].endswith(".sh"):
            gaps.append(Gap(text=f"what {command.files[0]} starts beside the program", is_deep=False))
        return gaps

    def _describe(self, installs: Sequence[Install], version: str) -> str:
        lines = [f"Python {version}, installed by {self._environment.installer}"]
        lines += [f"line {install.line}: install {' '.join(install.arguments)}" for install in installs]
        lines += [f"not reproduced: {gap.text}" for gap in self._gaps]
        return "\n".join(lines)

    # -- what only an image has

    @property
    def image_name(self) -> str | None:
        """There is no image."""
        return None

    @property
    def gpu_use(self) -> GpuUse | None:
        """Not watched: a green report of this engine says nothing of the GPU."""
        return None

    def image(self) -> Finding:
        """There is no image."""
        return skipped("engine_venv", "the venv engine makes no image")

    def gpu_in_container(self) -> Finding:
        """There is no container."""
        return skipped("engine_venv", "the venv engine starts no container")

    def container_start(self) -> Finding:
        """There is no container."""
        return skipped("engine_venv", "the venv engine starts no container")

    # -- run

    def run_local(self, test_input: Mapping[str, Any], environment: Mapping[str, str]) -> HandlerRun:
        """Run the worker's program with the test input in its folder, where the SDK looks for it."""
        target = given(self._target(None))
        cwd = self._real(target.workdir)
        cwd.mkdir(parents=True, exist_ok=True)
        placed = cwd / "test_input.json"
        # Never written through: it may be a hard link to the checkout's own.
        placed.unlink(missing_ok=True)
        placed.write_text(json.dumps(test_input))
        before = _oom_kills()
        try:
            outcome = run(
                self._argv(target),
                cwd=cwd,
                env=self._worker_environment(environment),
                limit=NO_LIMIT,
                confined=True,
                sink=self._bench.journal.streamer(),
            )
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        return HandlerRun(outcome=outcome, out_of_memory=outcome.exit_code == -9 and _oom_kills() > before)

    @contextlib.contextmanager
    def serve(self, environment: Mapping[str, str], *, command: str | None, by_environment: bool) -> Iterator[Server]:
        """Start the worker's program with the SDK's API on a free port of the loopback interface."""
        target = self._target(command)
        if target is None:
            raise EngineError(f"the venv engine can't tell which Python program {command!r} starts")
        port = _free_port()
        argv = self._argv(target)
        env = self._worker_environment(environment)
        if by_environment:
            env["RUNPOD_REALTIME_PORT"] = str(port)
        else:
            argv += ["--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port)]
        cwd = self._real(target.workdir)
        cwd.mkdir(parents=True, exist_ok=True)
        try:
            before = _oom_kills()
            running = start(argv, cwd=cwd, env=env, confined=True, sink=self._bench.journal.streamer())
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        with running:
            yield Server(
                url=f"http://127.0.0.1:{port}",
                running=running,
                out_of_memory=lambda: running.exit_code == -9 and _oom_kills() > before,
            )

    def clean_up(self) -> list[str]:
        """Nothing lies outside the workspace."""
        return []

    # -- helpers

    def _target(self, command: str | None) -> PythonTarget | None:
        """The Python program to run: what the command leads to, else the file with the start call."""
        bench = self._bench
        known = bench.known.command if command is None else None
        if command is not None:
            tree = given(bench.known.tree)
            files = bench.known.image_files
            known = stage_command(
                given(bench.known.dockerfile).final,
                read=lambda path: tree.read_text(files[path]) if path in files else None,
                override=command,
            )
        target = known.target if known else None
        if target is not None and (target.script is None or target.script in bench.known.image_files):
            return target
        entry = bench.known.entry
        for path, source in bench.known.image_files.items():
            if entry is not None and source == entry:
                arguments = target.arguments if target else ()
                workdir = target.workdir if target else given(bench.known.dockerfile).final.workdir
                return PythonTarget(
                    script=path, module=None, options=(), arguments=arguments, interpreter="python3", workdir=workdir
                )
        return None

    def _argv(self, target: PythonTarget) -> list[str]:
        program = ["-m", target.module] if target.script is None else [str(self._real(target.script))]
        return [str(self._environment.python), *target.options, *(part for part in program if part), *target.arguments]

    def _real(self, image_path: str) -> Path:
        """Where a path of the image lies here."""
        clean = posixpath.normpath("/" + image_path).lstrip("/")
        return self._bench.workspace.image_root / clean

    def _worker_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The image's variables, then the test's, then the spec's; what makes this place work stays ours."""
        bench = self._bench
        stage = given(bench.known.dockerfile).final
        wanted = {**stage.environment, **environment, **bench.spec.repository.env}
        env = {name: value for name, value in wanted.items() if name not in _KEPT_FROM_US | _NOT_LOCAL}
        if path := env.get("PYTHONPATH"):
            env["PYTHONPATH"] = os.pathsep.join(str(self._real(part)) for part in path.split(os.pathsep) if part)
        binaries = str(bench.workspace.venv / "bin")
        return {
            **env,
            **bench.settings.certificates,
            "HOME": str(bench.workspace.home),
            "TMPDIR": str(bench.workspace.temporary),
            "LANG": "C.UTF-8",
            "PATH": f"{binaries}:{bench.settings.path}",
            "VIRTUAL_ENV": str(bench.workspace.venv),
            "PYTHONUNBUFFERED": "1",
            # The judge needs the SDK's own lines, whatever level the image asks for.
            "RUNPOD_LOG_LEVEL": "DEBUG",
            "RUNPOD_DEBUG_LEVEL": "DEBUG",
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _oom_kills() -> int:
    """How often this machine's kernel has killed for want of memory."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
