"""What a Docker engine's host shows before anything is built: disk, GPU runtime, and a container that has the GPU."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.diagnosis.failure_rules import world_trouble
from janitor.guest.processes.supervisor import Outcome, ProcessStartError, run
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import EngineError

_TOOLKIT_LIMIT = timedelta(seconds=20)
_TRIAL_LIMIT = timedelta(minutes=10)
"""The image may have to be pulled first."""
_TOOLKIT_PROGRAMS = (["nvidia-ctk", "--version"], ["nvidia-container-cli", "--version"])
_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}\S*")


@dataclass(frozen=True, kw_only=True)
class EngineHost:
    """The engine and its machine."""

    name: str
    version: str
    root: str
    """Folder of images and containers."""
    free_bytes: int | None
    """Free on the file system of `root`; None where the engine's machine is another one."""
    memory_bytes: int | None
    runtimes: tuple[str, ...]

    def described(self) -> str:
        """In words, a line for each fact."""
        free = "not visible from here" if self.free_bytes is None else f"{self.free_bytes / 1024**3:.1f} GiB free"
        runtimes = ", ".join(self.runtimes) or "unknown"
        return f"{self.name} {self.version}, runtimes {runtimes}\nimages in {self.root}: {free}"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a container of the known-good image went."""

    code: ReasonCode | None
    """Why the host can't be used; None if the container saw the GPU."""
    reason: str
    outcome: Outcome | None = None


def describe_engine(docker: DockerClient) -> EngineHost:
    """Ask the engine about itself."""
    info = docker.info()
    root = str(info.get("DockerRootDir") or "")
    try:
        free = shutil.disk_usage(root).free if root and Path(root).is_dir() else None
    except OSError:
        free = None
    runtimes = info.get("Runtimes")
    memory = info.get("MemTotal")
    return EngineHost(
        name=docker.flavour.value.capitalize(),
        version=str(info.get("ServerVersion") or "unknown"),
        root=root or "unknown",
        free_bytes=free,
        memory_bytes=memory if isinstance(memory, int) and memory > 0 else None,
        runtimes=tuple(sorted(runtimes)) if isinstance(runtimes, dict) else (),
    )


def toolkit_version(context: CheckContext) -> str | None:
    """The version of NVIDIA's container toolkit; None if neither of its programs is here."""
    for argv in _TOOLKIT_PROGRAMS:
        try:
            shown = run(
                argv,
                cwd=context.workspace.neutral,
                env={"PATH": context.settings.path},
                limit=_TOOLKIT_LIMIT,
                confined=False,
            )
        except ProcessStartError:
            continue
        if match := _VERSION.search(shown.output.text):
            return match.group(0)[:100]
    return None


def try_gpu_container(context: CheckContext, docker: DockerClient, image: str) -> Trial:
    """Let a container of an image that is known to be good see the GPU, so that a later failure is not the host's.

    Args:
        context: Of the validation.
        docker: Reaches the engine.
        image: A CUDA image; pulled if it isn't there.
    """
    name = f"janitor-{context.spec.validation_id}-host"
    label = f"janitor.validation={context.spec.validation_id}"
    arguments = [
        *("run", "--rm", "--name", name, "--label", label),
        *(*docker.flavour.gpu_options, "--network", "none", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--entrypoint", "nvidia-smi", image, "-L"),
    ]
    try:
        outcome = docker.run(arguments, limit=_TRIAL_LIMIT, sink=context.journal.streamer())
        if outcome.exit_code is None:
            docker.remove(name)
    except EngineError as exc:
        return Trial(code=ReasonCode.ENGINE_TROUBLE, reason=str(exc))
    said = " ".join(outcome.output.text.split())[-300:]
    if outcome.exit_code == 0 and "GPU 0" in outcome.output.text:
        return Trial(code=None, reason=f"a container of {image} sees the GPU", outcome=outcome)
    if outcome.exit_code is None:
        return Trial(
            code=ReasonCode.HOST_DRIVER, reason=f"a container of {image} did not end in time: {said}", outcome=outcome
        )
    if trouble := world_trouble(outcome.output.text):
        return Trial(code=trouble.code, reason=f"{image} can't be tried: {trouble.reason}", outcome=outcome)
    return Trial(
        code=ReasonCode.HOST_DRIVER, reason=f"not even a container of {image} sees the GPU: {said}", outcome=outcome
    )
