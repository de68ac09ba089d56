"""hub.json, tests.json and test_input.json as people write them."""

from __future__ import annotations

import json

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Expected, Kind, fails, notes, passes, skips
from tests.corpus.workers import GPU_HUB, case, cases_json, hub, on

C, R = CheckName, ReportStatus


def document(name: str, holds: str, expected: Expected, files: dict[str, str | None]) -> Case:
    is_blame = expected.code is not None and expected.is_required is True
    return Case(
        name=f"documents_{name}",
        holds=holds,
        truth=R.FAILED if is_blame else R.SUCCESS,
        expected=(expected,),
        files=files,
        kind=Kind.STATIC,
    )


TESTS = (
    document(
        "tests_everything",
        "every documented field",
        passes(C.TESTS_SCHEMA),
        {
            ".runpod/tests.json": cases_json(
                case(),
                case("three", name="b", timeout=500_000),
                config={
                    "gpuTypeId": "NVIDIA GeForce RTX 4090",
                    "gpuCount": 1,
                    "cpuFlavor": "cpu3c-2-4",
                    "env": [{"key": "MODEL_NAME", "value": "org/m"}, {"key": "N", "value": 4096}],
                    "allowedCudaVersions": ["12.8"],
                },
            )
        },
    ),
    document(
        "tests_gpu_as_a_list",
        "a list where a GPU type belongs",
        fails(C.TESTS_SCHEMA, "unknown_gpu"),
        {".runpod/tests.json": cases_json(case(), config={"gpuTypeId": ["NVIDIA L4"]})},
    ),
    document(
        "tests_gpu_as_an_object",
        "an object where a GPU type belongs",
        fails(C.TESTS_SCHEMA, "unknown_gpu"),
        {".runpod/tests.json": cases_json(case(), config={"gpuTypeId": {"id": "NVIDIA L4"}, "gpuCount": [], "env": 3})},
    ),
    document(
        "tests_with_an_empty_input",
        "an input without fields",
        passes(C.TESTS_SCHEMA),
        {".runpod/tests.json": cases_json({"input": {}, "timeout": 10_000})},
    ),
    document(
        "tests_without_time",
        "no time is stated",
        passes(C.TESTS_SCHEMA),
        {".runpod/tests.json": cases_json({"input": {"a": 1}})},
    ),
    document(
        "tests_seconds_with_fraction",
        "seconds with a fraction",
        fails(C.TESTS_SCHEMA, "timeout_in_seconds"),
        {".runpod/tests.json": cases_json(case(timeout=29.5))},
    ),
    document(
        "tests_time_without_end",
        "a time beyond all numbers",
        fails(C.TESTS_SCHEMA, "tests_invalid"),
        {".runpod/tests.json": '{"tests": [{"name": "a", "input": {}, "timeout": 1e400}]}'},
    ),
    document(
        "tests_huge_number",
        "a number with ten thousand digits",
        fails(C.TESTS_SCHEMA, "tests_unreadable"),
        {".runpod/tests.json": '{"tests": [{"name": "a", "input": {}, "timeout": 1' + "0" * 10_000 + "}]}"},
    ),
    document(
        "tests_older",
        "the older form",
        passes(C.TESTS_SCHEMA),
        {
            ".github/tests.json": json.dumps(
                [
                    {
                        "hardwareConfig": {
                            "endpointConfig": {"gpuIds": "ADA_24,-NVIDIA L4", "name": "a"},
                            "templateConfig": {"dockerArgs": "python -u /app/handler.py"},
                        },
                        "input": {"text": "a"},
                    },
                    {"input": {"text": "b"}, "expectedOutput": {"words": 1}},
                ]
            )
        },
    ),
    document(
        "tests_older_wrong_kinds",
        "the older form with lists where texts belong",
        fails(C.TESTS_SCHEMA, "tests_invalid"),
        {
            ".github/tests.json": json.dumps(
                [
                    {
                        "hardwareConfig": {
                            "endpointConfig": {"gpuIds": ["ADA_24"], "name": ["a"]},
                            "templateConfig": {"dockerArgs": ["python"]},
                        },
                        "input": {"text": "a"},
                    }
                ]
            )
        },
    ),
    document(
        "tests_both",
        "the documented form goes before the older one",
        passes(C.TESTS_SCHEMA),
        {".runpod/tests.json": cases_json(case()), ".github/tests.json": "{"},
    ),
    document(
        "tests_deactivated_in_github",
        "tests_JSON in .github",
        skips(C.TESTS_SCHEMA, "tests_deactivated"),
        {".github/tests_JSON": "["},
    ),
    document(
        "tests_byte_order_mark",
        "a byte order mark",
        passes(C.TESTS_SCHEMA),
        {".runpod/tests.json": "\ufeff" + cases_json(case())},
    ),
)

CUDA = (
    document(
        "cuda_overlap",
        "versions of which one is common",
        passes(C.CONFIG_CONSISTENCY),
        {
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["12.8", "12.4"]}),
            ".runpod/tests.json": cases_json(
                case(), config={"gpuTypeId": "NVIDIA L4", "allowedCudaVersions": ["12.4"]}
            ),
        },
    ),
    document(
        "cuda_empty_list",
        "an empty list allows everything",
        passes(C.CONFIG_CONSISTENCY),
        {
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": []}),
            ".runpod/tests.json": cases_json(
                case(), config={"gpuTypeId": "NVIDIA L4", "allowedCudaVersions": ["12.4"]}
            ),
        },
    ),
    document(
        "cuda_by_number",
        "12.10 is newer than 12.8",
        passes(C.CONFIG_CONSISTENCY),
        {
            "Dockerfile": on("nvidia/cuda:12.8.1-runtime-ubuntu22.04"),
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["12.10"]}),
        },
    ),
    document(
        "cuda_of_the_built_stage",
        "the CUDA of a stage that isn't the final one",
        passes(C.CONFIG_CONSISTENCY),
        {
            "Dockerfile": "FROM nvidia/cuda:13.0.0-devel-ubuntu22.04 AS compile\nRUN nvcc --version > /v\n"
            + on("nvidia/cuda:12.4.1-runtime-ubuntu22.04")
            + "COPY --from=compile /v /v\n",
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["12.4"]}),
        },
    ),
    document(
        "cuda_through_arg",
        "a base that comes through ARG and is too new",
        fails(C.CONFIG_CONSISTENCY, "base_cuda_above_allowed"),
        {
            "Dockerfile": "ARG CUDA=12.8.1\n" + on("nvidia/cuda:${CUDA}-runtime-ubuntu22.04"),
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["12.4", "12.1"]}),
        },
    ),
    document(
        "cuda_of_sglang",
        "the CUDA in another name",
        fails(C.CONFIG_CONSISTENCY, "base_cuda_above_allowed"),
        {
            "Dockerfile": on("lmsysorg/sglang:v0.4.6.post1-cu124"),
            ".runpod/hub.json": hub({**GPU_HUB, "allowedCudaVersions": ["11.8", "12.1"]}),
        },
    ),
    document(
        "gpu_tests_of_a_cpu_worker",
        "a CPU worker that is tested on a GPU",
        notes(C.CONFIG_CONSISTENCY, "runs_on_mismatch"),
        {".runpod/hub.json": hub(), ".runpod/tests.json": cases_json(case(), config={"gpuTypeId": "NVIDIA L4"})},
    ),
    document(
        "fewer_gpus_in_tests",
        "tests on fewer GPUs",
        notes(C.CONFIG_CONSISTENCY, "gpu_count_mismatch"),
        {
            ".runpod/hub.json": hub({**GPU_HUB, "gpuCount": 2}),
            ".runpod/tests.json": cases_json(case(), config={"gpuTypeId": "NVIDIA L4", "gpuCount": 1}),
        },
    ),
)

INPUTS = (
    document(
        "input_key_twice",
        "the SDK takes the last of two keys",
        passes(C.TEST_INPUT),
        {"test_input.json": '{"input": {"text": "a"}, "input": {"text": "b"}}'},
    ),
    document(
        "input_nan",
        "the SDK takes NaN",
        passes(C.TEST_INPUT),
        {"test_input.json": '{"input": {"text": "a", "scale": NaN, "top": -Infinity}}'},
    ),
    document(
        "input_byte_order_mark",
        "the SDK refuses a byte order mark",
        fails(C.TEST_INPUT, "test_input_unreadable"),
        {"test_input.json": '\ufeff{"input": {"text": "a"}}'},
    ),
    document("input_empty", "an input without fields", passes(C.TEST_INPUT), {"test_input.json": '{"input": {}}'}),
    document(
        "input_text",
        "an input that is a text",
        passes(C.TEST_INPUT),
        {"test_input.json": '{"input": "hello", "id": "x", "webhook": null}'},
    ),
    document(
        "input_null",
        "the SDK takes null for absent",
        fails(C.TEST_INPUT, "test_input_invalid"),
        {"test_input.json": '{"input": null}'},
    ),
    document(
        "input_list",
        "a list of jobs",
        fails(C.TEST_INPUT, "test_input_invalid"),
        {"test_input.json": '[{"input": {"text": "a"}}]'},
    ),
    document(
        "input_empty_file", "an empty file", fails(C.TEST_INPUT, "test_input_unreadable"), {"test_input.json": ""}
    ),
    document(
        "input_override",
        "the override goes before the root",
        passes(C.TEST_INPUT),
        {".runpod/test_input.json": '{"input": {"text": "a"}}', "test_input.json": "{"},
    ),
)

DOCUMENTS_OF_PEOPLE = (*TESTS, *CUDA, *INPUTS)
