"""The venv engine: makes the worker's Python environment and runs its handler in it, without building the image.

The repository's files are laid out as COPY would put them, the packages are those that the RUN instructions install.
What it can't bring is kept as gaps, so that a handler that fails for want of it is not blamed. It is no sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from janitor.diagnosis.excuses import Place
from janitor.diagnosis.image_gaps import image_gaps
from janitor.guest.processes.confinement import hand_over
from janitor.guest.processes.free_port import free_port
from janitor.guest.processes.memory import kills_for_memory
from janitor.guest.processes.supervisor import Outcome, ProcessStartError, start
from janitor.inspection.dockerfile.command import PythonTarget, stage_command
from janitor.inspection.dockerfile.python_version import python_version
from janitor.inspection.gaps import Gap
from janitor.inspection.install.install import IMAGE_PATH, Install, InstallPlan, plan_installs
from janitor.protocol.report import Evidence
from janitor.protocol.statuses import CheckStatus, Engine
from janitor.validator.context import CheckContext, given
from janitor.validator.engine import EngineError, HandlerRun, Server
from janitor.validator.engines.local_end import wait_for_local_end
from janitor.validator.engines.venv.image_folder import ImageFolder
from janitor.validator.engines.venv.install_failure import Attempt, failed_install
from janitor.validator.engines.venv.install_folders import InstallFolders
from janitor.validator.engines.venv.named_folders import named_folders
from janitor.validator.engines.venv.python_environment import PythonEnvironment
from janitor.validator.findings import Finding, errored, passed, skipped
from janitor.validator.gpu_use import GpuUse

_KEPT_FROM_US = frozenset({"PATH", "HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR"})
# With one of these the SDK would look for work on the platform instead of running locally.
_NOT_LOCAL = frozenset({"RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_REALTIME_PORT"})
_BUILD_TOOLS = frozenset({"setuptools", "pkg_resources", "wheel"})
_WITHOUT_BUILD_TOOLS = (3, 12)
"""Images of Python bring these tools up to 3.11. Source: the official image's Dockerfiles."""
_INSTALL_LINES = 12
"""The list of a hundred packages is in the report's evidence; nobody follows it live."""


class VenvEngine:
    """Implements `WorkerEngine` with a virtual environment.

    Args:
        context: The validation that it works for; its Dockerfile must have been read when `build` is called.
    """

    kind = Engine.VENV

    def __init__(self, context: CheckContext) -> None:
        self._context = context
        self._environment = PythonEnvironment(context.settings, context.workspace)
        self._files = ImageFolder(context.workspace)
        self._gaps: tuple[Gap, ...] = ()
        self._made: frozenset[str] = frozenset()
        self._base_modules: frozenset[str] = frozenset()
        self._kills_before = kills_for_memory()

    @property
    def place(self) -> Place:
        """Where handlers run: here, with what the image has and this place lacks."""
        known = self._context.known
        folders = {str(parent) for path in known.image_files for parent in PurePosixPath(path).parents} - {"/"}

        def in_image(path: str) -> bool:
            return posixpath.normpath(path) in folders or posixpath.normpath(path) in known.image_files

        return Place(
            has_gpu=bool(known.gpu_available),
            gaps=self._gaps,
            in_image=in_image,
            is_image=False,
            unfetched_files=known.unfetched_files,
            hub_variables=known.hub_variables,
            made=self._made,
            root=str(self._context.workspace.image_root),
            workdir=known.dockerfile.final.workdir if known.dockerfile is not None else "/",
            base_modules=self._base_modules,
            killed_for_memory=self._killed_for_memory(),
            named_folders=lambda: named_folders(known.image_files, given(known.tree), in_image),
        )

    # -- build

    def build(self) -> Finding:
        """Lay out the image's files and install its packages."""
        context = self._context
        if self._target(None) is None:
            return skipped(
                "engine_limit", "the venv engine can't tell which Python program the image starts", required=True
            )
        dockerfile = given(context.known.dockerfile)
        tree = given(context.known.tree)
        folders = InstallFolders(
            workspace=context.workspace,
            image=self._files,
            dockerfile=dockerfile,
            context=given(context.known.context),
            stages=context.known.stage_files,
            source_root=tree.root,
        )
        plan = plan_installs(dockerfile, self.place.in_image)
        self._files.make_folder(dockerfile.final.workdir)
        installs = tuple(each for each in plan.attempts if not each.is_by_shell) or self._fallback()
        self._made = frozenset(plan.made)
        for path in plan.folders:
            if path not in context.known.image_files:
                self._files.make_folder(path)
        wanted = python_version(dockerfile)
        version = self._environment.make(wanted)
        self._base_modules = _BUILD_TOOLS if wanted is None or wanted < _WITHOUT_BUILD_TOOLS else frozenset()
        gaps = [*image_gaps(dockerfile, given(context.known.command)), *plan.gaps]
        if wanted is not None and version != f"{wanted[0]}.{wanted[1]}":
            text = f"Python {wanted[0]}.{wanted[1]} (this is Python {version})"
            gaps.append(Gap(text=text, is_deep=False))
        self._gaps = tuple(gaps)
        evidence = [context.evidence.value("plan", self._describe(installs, version))]
        outcome = None
        for install in installs:
            if install.is_instead and outcome is not None and outcome.exit_code == 0:
                continue
            try:
                real = folders.of(install).real
            except OSError as exc:
                return errored("engine_limit", f"the files of line {install.line} can't be laid out here: {exc}")
            outcome, failure = self._install(install, real, plan, evidence)
            # What the build does without is not there for the worker either; but what this place couldn't fetch may be.
            if failure is not None and not (install.may_fail and failure.status is CheckStatus.FAIL):
                return failure
        try:
            folders.complete()
        except OSError as exc:
            return errored("engine_limit", f"the image's files can't be laid out here: {exc}")
        self._files.keep()
        return passed(*evidence, outcome=outcome)

    def _install(
        self, install: Install, real: Callable[[str], Path], plan: InstallPlan, evidence: list[Evidence]
    ) -> tuple[Outcome, Finding | None]:
        """Do one installation; what it printed joins the evidence, and the finding says why it failed."""
        named = [word.removeprefix(IMAGE_PATH) for word in install.arguments if word.startswith(IMAGE_PATH)]
        missing = frozenset(path for path in named if not real(path).exists())
        outcome = self._environment.install(install, real=real, sink=self._context.journal.streamer(_INSTALL_LINES))
        evidence.append(
            self._context.evidence.log(f"install, line {install.line}" if install.line else "install", outcome)
        )
        if outcome.exit_code == 0:
            return outcome, None
        attempt = Attempt(install=install, plan=plan, gaps=self._gaps, outcome=outcome, missing=missing)
        return outcome, failed_install(self._context, attempt, evidence)

    def _fallback(self) -> tuple[Install, ...]:
        """The requirements files where workers usually keep them, for a Dockerfile that installs by other means."""
        tree = given(self._context.known.tree)
        for name in ("builder/requirements.txt", "requirements.txt"):
            if tree.is_file(name):
                target = self._context.workspace.image_root / f".janitor-{name.replace('/', '-')}"
                target.write_bytes(tree.read(name))
                return (Install(arguments=("-r", f"{IMAGE_PATH}/{target.name}"), workdir="/", line=0),)
        return ()

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
        self._files.start_afresh()
        self._kills_before = kills_for_memory()
        target = given(self._target(None))
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
                sink=self._context.journal.streamer(),
            )
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        with running:
            wait_for_local_end(running)
            outcome = running.end()
        return HandlerRun(outcome=outcome, out_of_memory=outcome.exit_code == -9 and self._killed_for_memory())

    @contextlib.contextmanager
    def serve(self, environment: Mapping[str, str], *, command: str | None, by_environment: bool) -> Iterator[Server]:
        """Start the worker's program with the SDK's API on a free port of the loopback interface."""
        target = self._target(command)
        if target is None:
            raise EngineError(f"the venv engine can't tell which Python program {command!r} starts")
        self._files.start_afresh()
        self._kills_before = kills_for_memory()
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
            running = start(argv, cwd=cwd, env=env, confined=True, sink=self._context.journal.streamer())
        except ProcessStartError as exc:
            raise EngineError(f"the worker can't be started: {exc}") from exc
        with running:
            yield Server(
                url=f"http://127.0.0.1:{port}",
                running=running,
                out_of_memory=lambda: running.exit_code == -9 and self._killed_for_memory(),
            )

    def clean_up(self) -> list[str]:
        """Nothing lies outside the workspace."""
        return []

    # -- helpers

    def _killed_for_memory(self) -> bool:
        now = kills_for_memory()
        return now is not None and self._kills_before is not None and now > self._kills_before

    def _target(self, command: str | None) -> PythonTarget | None:
        """The Python program to run: what the command leads to, else the file with the start call."""
        context = self._context
        known = context.known.command if command is None else None
        if command is not None:
            tree = given(context.known.tree)
            files = context.known.image_files
            known = stage_command(
                given(context.known.dockerfile).final,
                read=lambda path: tree.read_text(files[path]) if path in files else None,
                override=command,
            )
        target = known.target if known else None
        if target is not None and (target.script is None or target.script in context.known.image_files):
            return target
        entry = context.known.entry
        for path, source in context.known.image_files.items():
            if entry is not None and source == entry:
                arguments = target.arguments if target else ()
                workdir = target.workdir if target else given(context.known.dockerfile).final.workdir
                return PythonTarget(
                    script=path, module=None, options=(), arguments=arguments, interpreter="python3", workdir=workdir
                )
        return None

    def _start_folder(self, target: PythonTarget) -> Path:
        """Where the worker's program starts.

        Raises:
            EngineError: It can't be made here.
        """
        try:
            cwd = self._files.held(posixpath.join(target.workdir, "x")).parent
            if not cwd.is_dir():
                cwd.mkdir(parents=True, exist_ok=True)
                hand_over(cwd)
        except OSError as exc:
            raise EngineError(f"the worker's folder can't be made here: {exc}") from exc
        return cwd

    def _argv(self, target: PythonTarget) -> list[str]:
        program = ["-m", target.module] if target.script is None else [str(self._files.real(target.script))]
        return [str(self._environment.python), *target.options, *(part for part in program if part), *target.arguments]

    def _worker_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The image's variables, then the test's, then the spec's; what makes this place work stays ours."""
        context = self._context
        stage = given(context.known.dockerfile).final
        wanted = {**stage.environment, **environment, **context.spec.repository.env}
        env = {name: value for name, value in wanted.items() if name not in _KEPT_FROM_US | _NOT_LOCAL}
        if path := env.get("PYTHONPATH"):
            env["PYTHONPATH"] = os.pathsep.join(str(self._files.real(part)) for part in path.split(os.pathsep) if part)
        binaries = str(context.workspace.venv / "bin")
        return {
            **env,
            **context.settings.certificates,
            "HOME": str(context.workspace.home),
            "TMPDIR": str(context.workspace.temporary),
            "LANG": "C.UTF-8",
            "PATH": f"{binaries}:{context.settings.path}",
            "VIRTUAL_ENV": str(context.workspace.venv),
            "PYTHONUNBUFFERED": "1",
            # The judge needs the SDK's own lines, whatever level the image asks for.
            "RUNPOD_LOG_LEVEL": "DEBUG",
            "RUNPOD_DEBUG_LEVEL": "DEBUG",
        }
