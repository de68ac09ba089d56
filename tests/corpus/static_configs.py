"""hub.json and tests.json: what of them breaks in practice."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, fails, notes, passes, skips
from tests.corpus.workers import DOCKERFILE, GPU_HUB, case, cases_json, hub, on

C, R = CheckName, ReportStatus

DOCUMENTS = (
    Case(
        name="gpu_hub",
        holds="pools and exclusions in gpuIds",
        truth=R.SUCCESS,
        expected=(passes(C.HUB_SCHEMA), passes(C.CONFIG_CONSISTENCY)),
        files={".runpod/hub.json": hub(GPU_HUB)},
    ),
    Case(
        name="gpu_type_for_pool",
        holds="gpuTypeId written where gpuIds belongs",
        truth=R.FAILED,
        expected=(fails(C.HUB_SCHEMA, "gpu_type_for_pool"),),
        files={".runpod/hub.json": hub({**GPU_HUB, "gpuIds": "NVIDIA GeForce RTX 4090"})},
    ),
    Case(
        name="unknown_gpu",
        holds="an unknown GPU pool",
        truth=R.FAILED,
        expected=(fails(C.HUB_SCHEMA, "unknown_gpu"),),
        files={".runpod/hub.json": hub({**GPU_HUB, "gpuIds": "AMPERE_25"})},
    ),
    Case(
        name="hub_without_title",
        holds="a required field of hub.json",
        truth=R.FAILED,
        expected=(fails(C.HUB_SCHEMA, "hub_invalid"), passes(C.CONFIG_CONSISTENCY)),
        files={".runpod/hub.json": hub(title=None)},
    ),
    Case(
        name="hub_without_title_and_a_contradiction",
        holds="a fault of the form that hides what the file says: CPU on an image for GPUs",
        truth=R.FAILED,
        expected=(fails(C.HUB_SCHEMA, "hub_invalid"), notes(C.CONFIG_CONSISTENCY, "runs_on_mismatch")),
        files={
            "Dockerfile": on("nvidia/cuda:12.8.1-cudnn-runtime-ubuntu22.04"),
            ".runpod/hub.json": hub(title=None),
        },
    ),
    Case(
        name="hub_is_no_json",
        holds="hub.json with a comma too many",
        truth=R.FAILED,
        expected=(fails(C.HUB_SCHEMA, "hub_unreadable"),),
        files={".runpod/hub.json": '{"title": "x",}'},
    ),
    Case(
        name="seconds_for_milliseconds",
        holds="seconds given as ms",
        truth=R.FAILED,
        expected=(fails(C.TESTS_SCHEMA, "timeout_in_seconds"),),
        files={".runpod/tests.json": cases_json(case(timeout=30))},
    ),
    Case(
        name="pool_for_gpu_type",
        holds="a pool where a GPU type belongs",
        truth=R.FAILED,
        expected=(fails(C.TESTS_SCHEMA, "pool_for_gpu_type"),),
        files={".runpod/tests.json": cases_json(case(), config={"gpuTypeId": "ADA_24"})},
    ),
    Case(
        name="unknown_gpu_type",
        holds="an unknown GPU type",
        truth=R.FAILED,
        expected=(fails(C.TESTS_SCHEMA, "unknown_gpu"),),
        files={".runpod/tests.json": cases_json(case(), config={"gpuTypeId": "NVIDIA RTX 9999"})},
    ),
    Case(
        name="deactivated_tests",
        holds="tests_.json is deactivated, not broken",
        truth=R.SUCCESS,
        expected=(skips(C.TESTS_SCHEMA, "tests_deactivated"),),
        files={".runpod/tests_.json": "not JSON"},
    ),
    Case(
        name="cuda_disjoint",
        holds="tests pinned to CUDA 12 while hub.json demands 13",
        truth=R.FAILED,
        expected=(fails(C.CONFIG_CONSISTENCY, "cuda_disjoint"),),
        files={
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["13.0"]}),
            ".runpod/tests.json": cases_json(case(), config={"allowedCudaVersions": ["12.4", "12.8"]}),
        },
    ),
    Case(
        name="base_cuda_above_allowed",
        holds="a base image newer than any allowed CUDA",
        truth=R.FAILED,
        expected=(fails(C.CONFIG_CONSISTENCY, "base_cuda_above_allowed"),),
        files={
            "Dockerfile": on("nvidia/cuda:12.8.1-cudnn-runtime-ubuntu22.04"),
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["12.1", "12.4"]}),
        },
        kind=Kind.STATIC,
    ),
    Case(
        name="base_cuda_within_allowed",
        holds="a base image that some allowed machines have",
        truth=R.SUCCESS,
        expected=(passes(C.CONFIG_CONSISTENCY),),
        files={
            "Dockerfile": DOCKERFILE.replace("python:3.11-slim", "runpod/pytorch:1.0.1-cu1281-torch280-ubuntu2404"),
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["12.4", "12.8"]}),
        },
        kind=Kind.STATIC,
    ),
    Case(
        name="cpu_worker_on_cuda",
        holds="runsOn CPU on a CUDA image is odd, and works",
        truth=R.SUCCESS,
        expected=(notes(C.CONFIG_CONSISTENCY, "runs_on_mismatch"),),
        files={
            "Dockerfile": on("nvidia/cuda:12.4.1-runtime-ubuntu22.04"),
            ".runpod/hub.json": hub(),
        },
        kind=Kind.STATIC,
    ),
)
