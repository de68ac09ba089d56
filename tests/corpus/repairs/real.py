"""Documents of real workers, read where they lie: one with a fault of its own, others with faults that are seen often.

Their handler takes any input; what it would do with a GPU is not the question.
"""

from __future__ import annotations

from tests.corpus.real import FOLDER
from tests.corpus.repairs.case import RepairCase, Truth, about
from tests.corpus.workers import handler

_ANY_INPUT = handler('return {"seen": len(job["input"])}')
_HUB, _TESTS = ".runpod/hub.json", ".runpod/tests.json"


def _real(worker: str, path: str, holds: str, code: str, *swaps: tuple[str, str]) -> RepairCase:
    content = (FOLDER / worker / path).read_text(encoding="utf-8")
    for old, new in swaps:
        if old not in content:
            raise ValueError(f"{worker}/{path} doesn't hold {old!r}")
        content = content.replace(old, new)
    check = "hub_schema" if path == _HUB else "tests_schema"
    return RepairCase(
        name=f"real_{worker}_{code}_{len(swaps)}",
        holds=holds,
        truth=Truth.RECIPE,
        recipe="documents",
        signature=(check, code),
        files={"handler.py": _ANY_INPUT, path: content},
        hidden=(("a b c", {"seen": 1}),),
    )


def real_cases() -> tuple[RepairCase, ...]:
    """The cases; none where the folder isn't there."""
    if not FOLDER.is_dir():
        return ()
    return about(
        "real documents",
        (
            _real("worker-tetra", _HUB, "as it is: a GPU type where a pool belongs", "gpu_type_for_pool"),
            _real("worker-sdxl", _HUB, "versions as numbers", "hub_invalid", ('"12.7"', "12.7"), ('"12.6"', "12.6")),
            _real("worker-template", _HUB, "a GPU in small letters", "hub_invalid", ('"GPU"', '"gpu"')),
            _real("worker-faster_whisper", _HUB, "a size with its unit", "hub_invalid", (": 20,", ': "20GB",')),
            _real("worker-sdxl-turbo", _TESTS, "timeouts in seconds", "timeout_in_seconds", (": 5000", ": 5")),
            _real(
                "worker-infinity-embedding",
                _TESTS,
                "a GPU by its short name",
                "unknown_gpu",
                ('"NVIDIA RTX A5000"', '"RTX A5000"'),
            ),
        ),
    )
