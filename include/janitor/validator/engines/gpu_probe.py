"""Shows whether a container of the image has the GPU, and whether the image's own torch can use it."""

from __future__ import annotations

from dataclasses import dataclass

from janitor.validator.engines.docker_client import json_line
from janitor.validator.findings import EvidenceMaker, Finding, errored, failed, passed, skipped
from janitor.validator.processes.supervisor import Outcome

TORCH_PROBE = """\
import json
try:
    import torch
except ImportError:
    print(json.dumps({"torch": None}))
    raise SystemExit
facts = {"torch": torch.__version__, "cuda": torch.version.cuda, "available": torch.cuda.is_available()}
if facts["available"]:
    facts["arch"] = torch.cuda.get_arch_list()
    facts["sum"] = float((torch.ones(64, device="cuda") * 2).sum().item())
print(json.dumps(facts))
"""
"""Python that describes torch and computes something with it on the GPU; its last line is JSON."""

_NOT_FOUND = 127
_EXPECTED_SUM = 128.0


@dataclass(frozen=True, kw_only=True)
class GpuShown:
    """The conclusion of `gpu_in_container`."""

    finding: Finding
    cuda_detected: bool | None
    """None where the image has nothing to tell by."""


def judge_gpu(smi: Outcome, torch: Outcome | None, *, evidence: EvidenceMaker, required: bool) -> GpuShown:
    """What nvidia-smi and the torch probe show.

    Args:
        smi: `nvidia-smi -L` in a container of the image.
        torch: `TORCH_PROBE` in another, if nvidia-smi succeeded.
        evidence: Makes the evidence.
        required: Whether the repository needs a GPU.
    """
    logs = [evidence.log("nvidia-smi", smi)]
    if smi.exit_code == _NOT_FOUND:
        reason = "a container of the image has no nvidia-smi: the image is not made for CUDA"
        return GpuShown(finding=skipped("image_without_cuda", reason, *logs), cuda_detected=False)
    if smi.exit_code != 0 or torch is None:
        reason = "a container does not see the GPU"
        return GpuShown(
            finding=errored("host_driver", reason, *logs, outcome=smi, required=required), cuda_detected=None
        )
    logs.append(evidence.log("torch", torch))
    facts = json_line(torch.output.text)
    if facts is None or facts.get("torch") is None:
        return GpuShown(finding=passed(*logs, outcome=smi, required=required), cuda_detected=None)
    if facts.get("available") and facts.get("sum") == _EXPECTED_SUM:
        return GpuShown(finding=passed(*logs, outcome=torch, required=required), cuda_detected=True)
    version = facts.get("torch")
    if facts.get("cuda") is None:
        reason = f"the image has a torch without CUDA ({version})"
        finding = failed("torch_without_cuda", reason, *logs, outcome=torch, required=required)
        return GpuShown(finding=finding, cuda_detected=False)
    reason = f"torch {version} for CUDA {facts.get('cuda')} can't use the GPU"
    finding = errored("host_driver", reason, *logs, outcome=torch, required=required)
    return GpuShown(finding=finding, cuda_detected=bool(facts.get("available")))
