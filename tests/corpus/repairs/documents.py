"""hub.json, tests.json and test_input.json that break their documented form."""

from __future__ import annotations

import json

from tests.corpus.repairs.case import RepairCase, Truth, about
from tests.corpus.workers import GPU_HUB, case, cases_json, hub

HUB, TESTS, INPUT = ".runpod/hub.json", ".runpod/tests.json", "test_input.json"


def _hub(name: str, holds: str, text: str, *, code: str = "hub_invalid", truth: Truth = Truth.RECIPE) -> RepairCase:
    return RepairCase(
        name=f"hub_{name}",
        holds=holds,
        truth=truth,
        recipe="documents" if truth is Truth.RECIPE else None,
        signature=("hub_schema", code),
        files={HUB: text},
    )


def _tests(name: str, holds: str, text: str, *, code: str = "tests_invalid", truth: Truth = Truth.RECIPE) -> RepairCase:
    return RepairCase(
        name=f"tests_{name}",
        holds=holds,
        truth=truth,
        recipe="documents" if truth is Truth.RECIPE else None,
        signature=("tests_schema", code),
        files={TESTS: text},
    )


HUBS = (
    _hub("runs_on_case", "runsOn in small letters", hub({"runsOn": "cpu"})),
    _hub("disk_as_text", "a size as text", hub({"containerDiskInGb": "5"})),
    _hub("disk_key", "a key out by case", hub().replace("containerDiskInGb", "containerDiskInGB")),
    _hub("type_missing", "no type", hub(type=None)),
    _hub("category_case", "a category with a capital", hub(category="Language")),
    _hub(
        "gpu_type_for_pool",
        "a GPU type where a pool belongs",
        hub({**GPU_HUB, "gpuIds": "NVIDIA GeForce RTX 4090"}),
        code="gpu_type_for_pool",
    ),
    _hub("gpu_ids_as_list", "pools as a list", hub({**GPU_HUB, "gpuIds": ["AMPERE_24", "ADA_24"]})),
    _hub("gpu_count_missing", "no number of GPUs", hub({**GPU_HUB, "gpuCount": None})),
    _hub("trailing_comma", "a comma before a bracket", hub().replace('"cpu3c"', '"cpu3c",'), code="hub_unreadable"),
    _hub("pool_case", "a pool with a blank", hub({**GPU_HUB, "gpuIds": "ada 24"}), code="unknown_gpu"),
    _hub("title_missing", "no title: only people know it", hub(title=None), truth=Truth.AGENT),
    _hub("category_unknown", "a category that means several", hub(category="multimodal"), truth=Truth.AGENT),
)

CASES = (
    _tests(
        "timeout_in_seconds",
        "a timeout in seconds",
        cases_json(case(timeout=20)),
        code="timeout_in_seconds",
    ),
    _tests("timeout_as_text", "a timeout as text", cases_json(case(timeout="20000"))),
    _tests(
        "name_missing", "a case without a name", json.dumps({"tests": [{"input": {"text": "x"}, "timeout": 20000}]})
    ),
    _tests("tests_key", "the list under a capital", cases_json(case()).replace('"tests"', '"Tests"')),
    _tests(
        "gpu_type_short",
        "a GPU by its short name",
        cases_json(case(), config={"gpuTypeId": "RTX 4090"}),
        code="unknown_gpu",
    ),
    _tests("environment", "variables as an object", cases_json(case(), config={"env": {"A": "1"}})),
    _tests("cuda_as_numbers", "CUDA versions as numbers", cases_json(case(), config={"allowedCudaVersions": [12.4]})),
    _tests(
        "input_missing",
        "a case without an input: only people know it",
        json.dumps({"tests": [{"name": "a"}]}),
        truth=Truth.AGENT,
    ),
    RepairCase(
        name="job_unwrapped",
        holds="a test input without its wrapper",
        truth=Truth.RECIPE,
        recipe="documents",
        signature=("test_input", "test_input_invalid"),
        files={INPUT: '{"text": "one two"}\n'},
    ),
)

DOCUMENTS = (*about("hub.json", HUBS), *about("tests.json", CASES))
