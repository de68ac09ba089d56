"""Shows whether a container of the image has the GPU, and whether the image's own torch can compute on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from janitor.guest.processes.supervisor import Outcome
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.docker.client import json_line
from janitor.validator.findings import EvidenceMaker, Finding, errored, failed, passed, skipped

_PROBE = """\
import importlib.util, glob, json, os, sys, time
from os import environ
facts = {"torch": None, "visible": environ.get("CUDA_VISIBLE_DEVICES")}
places = ["/usr/local/cuda*/**", "/usr/lib/x86_64-linux-gnu", "/opt/conda/lib"]
places += [os.path.join(folder, "nvidia/cu*/lib") for folder in sys.path if folder]
facts["cudart"] = any(glob.glob(os.path.join(place, "libcudart.so*"), recursive=True) for place in places)
roots = ["/opt", "/root", "/home", "/app", "/src", "/workspace", "/venv", "/usr/local", "/usr/src", "/runpod-volume"]
until = time.monotonic() + 20
facts["others"] = []
for root in roots + [os.getcwd()]:
    for folder, folders, files in os.walk(root):
        depth = folder.count("/")
        if depth > 8 or folder.startswith(sys.prefix + "/lib") or time.monotonic() > until:
            folders[:] = []
        if os.path.basename(folder) in ("site-packages", "dist-packages"):
            folders[:] = []
            prefix = os.path.dirname(os.path.dirname(os.path.dirname(folder)))
            python = os.path.join(prefix, "bin", "python")
            if os.path.exists(os.path.join(folder, "torch", "version.py")) and os.path.exists(python):
                if os.path.realpath(prefix) != os.path.realpath(sys.prefix) and python not in facts["others"]:
                    facts["others"].append(python)
try:
    if importlib.util.find_spec("torch") is not None:
        facts["torch"] = "unknown"
        import torch
        facts.update(torch=torch.__version__, cuda=torch.version.cuda, available=torch.cuda.is_available())
        if facts["available"]:
            facts["arch"] = torch.cuda.get_arch_list()
            facts["capability"] = list(torch.cuda.get_device_capability())
            facts["sum"] = float((torch.ones(64, device="cuda") * 2).sum().item())
            try:
                held = torch.ones(2 ** 26, device="cuda")
                until = time.monotonic() + HOLD
                while time.monotonic() < until:
                    held = held * 1
                    torch.cuda.synchronize()
            except Exception as exc:
                facts["held"] = f"{type(exc).__name__}: {exc}"[:200]
except Exception as exc:
    facts["error"] = f"{type(exc).__name__}: {exc}"[:500]
print()
print(json.dumps(facts))
"""
_HOLD_SECONDS = 4.0
_LOOKS = 3

CUDA_VARIABLES = ("CUDA_VERSION", "NVIDIA_REQUIRE_CUDA", "NV_CUDA_CUDART_VERSION")
"""What images made for CUDA set. Source: nvidia/cuda's Dockerfiles."""
_NOT_FOUND = 127
_KILLED = 137
_EXPECTED_SUM = 128.0
_HIDDEN = frozenset({"", "-1", "none", "void", "NoDevFiles"})
_NO_MEMORY = re.compile(r"(?i)out of memory|OutOfMemoryError|CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED")


def torch_probe(look_seconds: float = 0.0) -> str:
    """Python that describes torch, computes something with it on the GPU, and then holds memory there for some seconds.

    Its last line is JSON.

    Args:
        look_seconds: How long the host takes to look at its GPU; memory is held long enough for it to be seen.
    """
    return _PROBE.replace("HOLD", f"{max(_HOLD_SECONDS, _LOOKS * look_seconds):.1f}")


@dataclass(frozen=True, kw_only=True)
class GpuShown:
    """The conclusion of `gpu_in_container`."""

    finding: Finding
    cuda_detected: bool | None
    """Whether the image has CUDA; None where the container shows nothing to tell by."""


@dataclass(frozen=True, kw_only=True)
class GpuCase:
    """What the conclusion depends on beside the two probes."""

    required: bool
    """Whether the repository needs a GPU."""
    image_has_cuda: bool = False
    """By the image's own variables."""
    host_cuda: tuple[int, int] | None = None
    """The highest that the host's driver supports."""
    has_utilities: bool = True
    """Whether the image's own variables let NVIDIA's toolkit put nvidia-smi into it."""
    was_seen: bool | None = None
    """Whether the host saw its GPU used while torch computed; None where it can't see that."""


_Conclude = Callable[[ReasonCode, str, bool], GpuShown]
"""Of reason code, reason and whether CUDA was detected."""


def judge_gpu(smi: Outcome, torch: Outcome | None, *, evidence: EvidenceMaker, case: GpuCase) -> GpuShown:
    """What nvidia-smi and the torch probe show.

    Args:
        smi: `nvidia-smi -L` in a container of the image.
        torch: `torch_probe` in another.
        evidence: Makes the evidence.
        case: See there.
    """
    logs = [evidence.log("nvidia-smi", smi)]
    is_missing = smi.exit_code == _NOT_FOUND
    facts: dict[str, Any] | None = None
    if torch is not None:
        logs.append(evidence.log("torch", torch))
        facts = json_line(torch.output.text)
        if facts is not None and facts.get("torch") is not None:
            # What computes has the GPU, whatever nvidia-smi says.
            return _judge_torch(facts, torch, case, logs)
    if smi.exit_code != 0 and not is_missing:
        return _without_gpu(smi, case, logs)
    if torch is not None and facts is None and torch.exit_code not in (0, _NOT_FOUND):
        code = ReasonCode.RESOURCE if torch.exit_code == _KILLED else ReasonCode.PROBE_FAILED
        finding = errored(code, "the probe of torch broke off", *logs, outcome=torch, required=case.required)
        return GpuShown(finding=finding, cuda_detected=None)
    has_cuda = case.image_has_cuda or bool((facts or {}).get("cudart"))
    if is_missing and has_cuda and case.has_utilities:
        return _without_gpu(smi, case, logs)
    return _without_torch(logs, has_cuda=has_cuda, sees_gpu=not is_missing)


def _without_gpu(smi: Outcome, case: GpuCase, logs: list[Evidence]) -> GpuShown:
    said = " ".join(smi.output.text.split())[-300:]
    reason = f"a container does not see the GPU: {said}"
    finding = errored(ReasonCode.HOST_DRIVER, reason, *logs, outcome=smi, required=case.required)
    return GpuShown(finding=finding, cuda_detected=None)


def _without_torch(logs: list[Evidence], *, has_cuda: bool, sees_gpu: bool) -> GpuShown:
    seen = "a container sees the GPU" if sees_gpu else "a container of the image has no nvidia-smi"
    if not has_cuda:
        reason = f"{seen}; the image has neither CUDA nor torch to compute on a GPU"
        return GpuShown(finding=skipped(ReasonCode.IMAGE_WITHOUT_CUDA, reason, *logs), cuda_detected=False)
    reason = f"{seen}; the image has CUDA, but no torch to compute with"
    return GpuShown(finding=skipped(ReasonCode.NO_TORCH, reason, *logs), cuda_detected=True)


def _judge_torch(facts: Mapping[str, Any], outcome: Outcome, case: GpuCase, logs: list[Evidence]) -> GpuShown:
    version, cuda = str(facts.get("torch")), facts.get("cuda")
    error = str(facts.get("error") or "")

    def shown(finding: Finding, detected: bool) -> GpuShown:
        return GpuShown(finding=finding, cuda_detected=detected)

    def fault(code: ReasonCode, reason: str, detected: bool) -> GpuShown:
        return shown(failed(code, reason, *logs, outcome=outcome, required=case.required), detected)

    def unclear(code: ReasonCode, reason: str, detected: bool) -> GpuShown:
        return shown(errored(code, reason, *logs, outcome=outcome, required=case.required), detected)

    if facts.get("available") and facts.get("sum") == _EXPECTED_SUM:
        if case.was_seen is False:
            reason = "torch says that it computed on the GPU, and this instance's GPU saw nothing of it"
            return unclear(ReasonCode.GPU_UNPROVEN, reason, True)
        return shown(passed(*logs, outcome=outcome, required=case.required), True)
    if _NO_MEMORY.search(error):
        return unclear(ReasonCode.RESOURCE, f"torch ran out of memory: {error}", True)
    if "available" not in facts:
        return fault(ReasonCode.TORCH_BROKEN, f"the image's torch can't be imported: {error}", case.image_has_cuda)
    if cuda is None:
        reason = f"the image has a torch without CUDA ({version}), so the worker runs on the CPU"
        return fault(ReasonCode.TORCH_WITHOUT_CUDA, reason, False)
    if not facts["available"]:
        return _unavailable(facts, case, fault, unclear)
    if "no kernel image" in error or _without_kernels(facts):
        return _no_kernels(facts, fault, unclear)
    reason = f"torch {version} for CUDA {cuda} computed wrongly or not at all on the GPU: {error or facts.get('sum')}"
    return unclear(ReasonCode.HOST_DRIVER, reason, True)


def _unavailable(facts: Mapping[str, Any], case: GpuCase, fault: _Conclude, unclear: _Conclude) -> GpuShown:
    visible = facts.get("visible")
    if isinstance(visible, str) and visible in _HIDDEN:
        reason = f"the image hides the GPU (CUDA_VISIBLE_DEVICES={visible!r}), so the worker runs on the CPU"
        return fault(ReasonCode.GPU_HIDDEN, reason, True)
    wanted = cuda_version(str(facts.get("cuda")))
    below = ""
    if case.host_cuda is not None and wanted is not None and case.host_cuda < wanted:
        below = f"; the host's driver supports up to CUDA {case.host_cuda[0]}.{case.host_cuda[1]}"
    reason = f"torch {facts.get('torch')} for CUDA {facts.get('cuda')} can't use the GPU{below}"
    return unclear(ReasonCode.HOST_DRIVER, reason, False)


def _without_kernels(facts: Mapping[str, Any]) -> bool:
    archs, capability = _architectures(facts), facts.get("capability")
    return bool(archs) and isinstance(capability, list) and len(capability) == 2 and max(archs) < _number(capability)


def _no_kernels(facts: Mapping[str, Any], fault: _Conclude, unclear: _Conclude) -> GpuShown:
    archs, capability = _architectures(facts), facts.get("capability")
    has = ", ".join(str(arch) for arch in facts.get("arch") or ()) or "none"
    reason = f"torch {facts.get('torch')} has no kernel for this GPU (capability {capability}); it has {has}"
    if archs and isinstance(capability, list) and max(archs) >= _number(capability):
        # Made for newer GPUs: another instance type may be the right one.
        return unclear(ReasonCode.GPU_UNSUITABLE, reason, True)
    return fault(ReasonCode.NO_KERNEL_IMAGE, reason, True)


def _architectures(facts: Mapping[str, Any]) -> list[int]:
    """Such as 86 of `sm_86`."""
    found = [re.search(r"_(\d+)", str(arch)) for arch in facts.get("arch") or ()]
    return [int(match.group(1)) for match in found if match]


def _number(capability: list[Any]) -> int:
    return int(capability[0]) * 10 + int(capability[1])


def cuda_version(text: str) -> tuple[int, int] | None:
    """The first `major.minor` in a text."""
    match = re.search(r"(\d{1,2})\.(\d{1,2})", text)
    return (int(match.group(1)), int(match.group(2))) if match else None
