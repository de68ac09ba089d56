"""What nvidia-smi and torch in a container show."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from janitor.guest.processes.capture import Capture
from janitor.guest.processes.supervisor import Outcome
from janitor.guest.redaction import Redactor
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.engines.gpu_probe import GpuCase, judge_gpu, torch_probe
from janitor.validator.findings import EvidenceMaker

EVIDENCE = EvidenceMaker(Redactor())
FACTS = {
    "torch": "2.4.0",
    "cuda": "12.1",
    "available": True,
    "arch": ["sm_80", "sm_86"],
    "capability": [8, 6],
    "sum": 128.0,
}
UNAVAILABLE = {"torch": "2.4.0", "cuda": "12.4", "available": False, "visible": None}


def outcome(text: str, exit_code: int = 0) -> Outcome:
    capture = Capture()
    capture.add(text.encode())
    return Outcome(
        argv=("docker", "run"),
        exit_code=exit_code,
        timed_out=False,
        output=capture.finish(),
        seconds=1.0,
        left_behind=0,
    )


def judge(smi: Outcome, facts: dict | None = None, **case):
    torch = None if facts is None else outcome(f"a warning\n{json.dumps(facts)}\n")
    return judge_gpu(smi, torch, evidence=EVIDENCE, case=GpuCase(**{"required": True, **case}))


SEES = outcome("GPU 0: NVIDIA A10G\n")


@pytest.mark.parametrize(
    ("smi", "facts", "status", "code", "cuda"),
    [
        (SEES, FACTS, CheckStatus.PASS, None, True),
        (SEES, {"torch": None}, CheckStatus.SKIP, "image_without_cuda", False),
        (SEES, {"torch": None, "cudart": True}, CheckStatus.SKIP, "no_torch", True),
        (outcome("executable file not found", 127), None, CheckStatus.SKIP, "image_without_cuda", False),
        (outcome("Failed to initialize NVML", 1), None, CheckStatus.ERROR, "host_driver", None),
        (SEES, {**FACTS, "cuda": None, "available": False}, CheckStatus.FAIL, "torch_without_cuda", False),
        (SEES, UNAVAILABLE, CheckStatus.ERROR, "host_driver", False),
        (SEES, {**UNAVAILABLE, "visible": ""}, CheckStatus.FAIL, "gpu_hidden", True),
        (SEES, {**UNAVAILABLE, "visible": "0"}, CheckStatus.ERROR, "host_driver", False),
        (SEES, {**FACTS, "sum": 0.0}, CheckStatus.ERROR, "host_driver", True),
        (SEES, {"torch": "unknown", "error": "ImportError: libcudnn.so.9"}, CheckStatus.FAIL, "torch_broken", False),
    ],
)
def test_conclusion(smi, facts, status, code, cuda):
    shown = judge(smi, facts)
    assert (shown.finding.status, shown.finding.reason_code, shown.cuda_detected) == (status, code, cuda)
    assert shown.finding.evidence


@pytest.mark.parametrize(
    ("arch", "capability", "status", "code"),
    [
        (["sm_80", "sm_90"], [12, 0], CheckStatus.FAIL, "no_kernel_image"),
        (["sm_90", "compute_90"], [8, 6], CheckStatus.ERROR, "gpu_unsuitable"),
    ],
)
def test_missing_kernels_are_blamed_on_a_torch_that_is_too_old_alone(arch, capability, status, code):
    facts = {**FACTS, "arch": arch, "capability": capability, "error": "RuntimeError: CUDA error: no kernel image"}
    del facts["sum"]
    finding = judge(SEES, facts).finding
    assert (finding.status, finding.reason_code) == (status, code)
    assert arch[0] in finding.reason


def test_memory_of_the_gpu_is_the_instances():
    facts = {name: value for name, value in FACTS.items() if name != "sum"}
    finding = judge(SEES, {**facts, "error": "OutOfMemoryError: CUDA out of memory"}).finding
    assert (finding.status, finding.reason_code) == (CheckStatus.ERROR, "resource")


def test_host_below_the_torchs_cuda_is_named():
    finding = judge(SEES, UNAVAILABLE, host_cuda=(12, 2)).finding
    assert "the host's driver supports up to CUDA 12.2" in finding.reason


def test_cuda_image_without_nvidia_smi_is_no_skip():
    finding = judge(outcome("not found", 127), image_has_cuda=True).finding
    assert (finding.status, finding.reason_code) == (CheckStatus.ERROR, "host_driver")


def test_killed_probe_tells_nothing():
    shown = judge_gpu(SEES, outcome("Killed", 137), evidence=EVIDENCE, case=GpuCase(required=True))
    assert (shown.finding.status, shown.finding.reason_code) == (CheckStatus.ERROR, "resource")


def test_image_without_python_has_no_torch():
    shown = judge_gpu(SEES, outcome("not found", 127), evidence=EVIDENCE, case=GpuCase(required=True))
    assert shown.finding.status is CheckStatus.SKIP


def test_gpu_that_nobody_needs_decides_nothing():
    assert judge(outcome("Failed to initialize NVML", 1), required=False).finding.required is False


def run_probe(folder, torch: str | None) -> dict:
    """The probe itself, in a Python whose only torch is the one given."""
    if torch is not None:
        (folder / "torch.py").write_text(torch)
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-S", "-c", torch_probe()]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_probe_tells_a_missing_torch_from_a_broken_one(tmp_path):
    assert run_probe(tmp_path, None)["torch"] is None
    broken = run_probe(tmp_path, "raise OSError('libcudnn.so.9: cannot open shared object file')")
    assert (broken["torch"], "libcudnn.so.9" in broken["error"]) == ("unknown", True)


def test_probe_describes_a_torch_without_a_gpu(tmp_path):
    source = "class cuda:\n    is_available = staticmethod(lambda: False)\nclass version:\n    cuda = '12.4'\n"
    facts = run_probe(tmp_path, source + "__version__ = '2.4.0'\n")
    assert (facts["torch"], facts["cuda"], facts["available"]) == ("2.4.0", "12.4", False)
