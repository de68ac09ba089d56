"""Looks for the GPU in containers of the image, and at the host's GPU meanwhile: the image can't answer for itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from janitor.guest.processes.supervisor import Outcome
from janitor.inspection.dockerfile.command import Command, PythonTarget
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import json_line
from janitor.validator.engines.docker.container import Containers
from janitor.validator.engines.docker.start import Refusal, engine_refusal
from janitor.validator.engines.gpu_probe import (
    CUDA_VARIABLES,
    GpuCase,
    GpuShown,
    cuda_version,
    judge_gpu,
    torch_probe,
)
from janitor.validator.findings import errored
from janitor.validator.gpu.gpu_use import GpuWatch

_LIMIT = timedelta(minutes=10)
"""A probe's container may have to load a large framework."""
_NOT_FOUND = 127
_MOST_OTHERS = 2
_UTILITIES = frozenset({"utility", "all"})
"""Of NVIDIA_DRIVER_CAPABILITIES: with one of them the toolkit brings nvidia-smi. Source: its user guide."""


def show_gpu(
    context: CheckContext,
    containers: Containers,
    watch: GpuWatch,
    image: Mapping[str, Any],
    *,
    command: Command,
    host_cuda: str | None,
) -> GpuShown:
    """Run nvidia-smi and the torch probe in the image.

    Args:
        context: Of the validation.
        containers: Of the image.
        watch: Sees the host's GPU; it forgets what the probe did.
        image: Its configuration, as docker has it.
        command: What the image starts.
        host_cuda: The highest CUDA that the host's driver supports.
    """
    handler_run = containers.run(["--entrypoint", "nvidia-smi"], ["-L"], limit=_LIMIT)
    smi = handler_run.outcome
    refused = engine_refusal(handler_run)
    if refused is not None and refused[0] is not Refusal.IMAGE:
        code = ReasonCode.HOST_DRIVER if refused[0] is Refusal.GPU else ReasonCode.ENGINE_TROUBLE
        reason, required = f"a container can't be given the GPU: {refused[1]}", context.spec.gpu_required
        log = context.evidence.log("nvidia-smi", smi)
        return GpuShown(finding=errored(code, reason, log, outcome=smi, required=required), cuda_detected=None)
    watch.start()
    try:
        torch = _probe_torch(command.target, containers, torch_probe(watch.look_seconds))
    finally:
        watch.stop()
    use = watch.use
    watch.forget()
    variables = dict(str(entry).partition("=")[::2] for entry in image.get("Env") or ())
    capabilities = variables.get("NVIDIA_DRIVER_CAPABILITIES", "")
    case = GpuCase(
        required=context.spec.gpu_required,
        image_has_cuda=bool(variables.keys() & set(CUDA_VARIABLES)),
        host_cuda=cuda_version(host_cuda or ""),
        has_utilities=not capabilities or bool(_UTILITIES & set(capabilities.replace(" ", "").split(","))),
        was_seen=None if use is None else use.was_used,
    )
    return judge_gpu(smi, torch, evidence=context.evidence, case=case)


def _probe_torch(target: PythonTarget | None, containers: Containers, probe: str) -> Outcome:
    """The torch of the interpreter that the worker uses; of another where that one is not found or has none."""
    programs = [*([target.interpreter] if target is not None else []), "python3", "python"]
    first, *further = dict.fromkeys(programs)
    outcome = _probed(containers, first, probe)
    for program in further:
        if outcome.exit_code != _NOT_FOUND:
            break
        outcome = _probed(containers, program, probe)
    facts = json_line(outcome.output.text) or {}
    others = facts.get("others")
    if facts.get("torch") is None and isinstance(others, list):
        # A script may have chosen an environment that the command doesn't name.
        for program in others[:_MOST_OTHERS]:
            found = _probed(containers, str(program), probe)
            if (json_line(found.output.text) or {}).get("torch") is not None:
                return found
    return outcome


def _probed(containers: Containers, program: str, probe: str) -> Outcome:
    return containers.run(["--entrypoint", program], ["-c", probe], limit=_LIMIT).outcome
