"""What nvidia-smi and torch in a container show."""

from __future__ import annotations

import json

import pytest

from janitor.protocol.statuses import CheckStatus
from janitor.validator.engines.gpu_probe import judge_gpu
from janitor.validator.findings import EvidenceMaker
from janitor.validator.processes.capture import Capture
from janitor.validator.processes.supervisor import Outcome
from janitor.validator.redaction import Redactor

EVIDENCE = EvidenceMaker(Redactor())
FACTS = {"torch": "2.4.0", "cuda": "12.1", "available": True, "arch": ["sm_86"], "sum": 128.0}


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


def judge(smi: Outcome, facts: dict | None = None, *, required: bool = True):
    torch = None if facts is None else outcome(f"a warning\n{json.dumps(facts)}\n")
    return judge_gpu(smi, torch, evidence=EVIDENCE, required=required)


SEES = outcome("GPU 0: NVIDIA A10G\n")


@pytest.mark.parametrize(
    ("smi", "facts", "status", "code", "cuda"),
    [
        (SEES, FACTS, CheckStatus.PASS, None, True),
        (SEES, {"torch": None}, CheckStatus.PASS, None, None),
        (outcome("executable file not found", 127), None, CheckStatus.SKIP, "image_without_cuda", False),
        (outcome("Failed to initialize NVML", 1), None, CheckStatus.ERROR, "host_driver", None),
        (SEES, {**FACTS, "cuda": None, "available": False}, CheckStatus.FAIL, "torch_without_cuda", False),
        (SEES, {**FACTS, "available": False}, CheckStatus.ERROR, "host_driver", False),
        (SEES, {**FACTS, "sum": 0.0}, CheckStatus.ERROR, "host_driver", True),
    ],
)
def test_conclusion(smi, facts, status, code, cuda):
    shown = judge(smi, facts)
    assert (shown.finding.status, shown.finding.reason_code, shown.cuda_detected) == (status, code, cuda)
    assert shown.finding.evidence


def test_gpu_that_nobody_needs_decides_nothing():
    assert judge(outcome("Failed to initialize NVML", 1), required=False).finding.required is False
