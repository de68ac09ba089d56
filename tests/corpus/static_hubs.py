"""hub.json as people write it."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName
from tests.corpus.case import fails, passes
from tests.corpus.static_documents import document
from tests.corpus.workers import GPU_HUB, hub

C = CheckName


def env(*items: dict[str, object]) -> str:
    """A hub.json with an environment."""
    return hub({**GPU_HUB, "env": list(items)})


HUBS = (
    document(
        "hub_everything",
        "every documented field",
        passes(C.HUB_SCHEMA),
        {
            ".runpod/hub.json": hub(
                {
                    **GPU_HUB,
                    "gpuIds": "ADA_24, AMPERE_24 ,-NVIDIA L4,-NVIDIA RTX 4000 SFF Ada Generation",
                    "allowedCudaVersions": ["12.8", "12.7", "12.6", "12.5"],
                    "env": [
                        {"key": "A", "value": ""},
                        {"key": "B", "value": 3},
                        {
                            "key": "C",
                            "input": {
                                "name": "C",
                                "type": "huggingface",
                                "description": "",
                                "default": "org/model",
                                "required": True,
                            },
                        },
                        {
                            "key": "D",
                            "input": {
                                "name": "D",
                                "type": "boolean",
                                "default": False,
                                "trueValue": "1",
                                "falseValue": "0",
                                "advanced": True,
                            },
                        },
                        {"key": "E", "input": {"name": "E", "type": "number", "min": 0, "max": 1.5, "default": 0.9}},
                        {
                            "key": "F",
                            "input": {"name": "F", "type": "string", "options": [{"label": "a", "value": ""}]},
                        },
                    ],
                    "presets": [{"name": "small", "defaults": {"C": "org/small", "D": True}}],
                },
                iconUrl="https://example.org/i.png",
            )
        },
    ),
    document(
        "hub_override",
        "the override is read, the broken file at the root isn't",
        passes(C.HUB_SCHEMA),
        {".runpod/hub.json": hub(GPU_HUB), "hub.json": "{"},
    ),
    document("hub_at_the_root", "hub.json at the root", passes(C.HUB_SCHEMA), {"hub.json": hub(GPU_HUB)}),
    document(
        "hub_load_balancer", "endpointType LB", passes(C.HUB_SCHEMA), {".runpod/hub.json": hub({"endpointType": "LB"})}
    ),
    document(
        "hub_comments",
        "comments are no JSON",
        fails(C.HUB_SCHEMA, "hub_unreadable"),
        {".runpod/hub.json": "// hub\n" + hub()},
    ),
    document(
        "hub_is_a_list", "a list instead of an object", fails(C.HUB_SCHEMA, "hub_invalid"), {".runpod/hub.json": "[]"}
    ),
    document(
        "hub_is_deep", "JSON without an end", fails(C.HUB_SCHEMA, "hub_unreadable"), {".runpod/hub.json": "[" * 200_000}
    ),
    document(
        "hub_wrong_kinds",
        "lists and objects where texts belong",
        fails(C.HUB_SCHEMA, "hub_invalid"),
        {
            ".runpod/hub.json": hub(
                {"runsOn": ["GPU"], "gpuIds": {"a": 1}, "endpointType": [], "env": [[]], "presets": [1]},
                category=["image"],
                type={"a": 1},
            )
        },
    ),
    document(
        "hub_excludes_alone",
        "a pool to exclude",
        fails(C.HUB_SCHEMA, "unknown_gpu"),
        {".runpod/hub.json": hub({**GPU_HUB, "gpuIds": "ADA_24,-AMPERE_24"})},
    ),
    document(
        "hub_option_without_value",
        "options without a value",
        fails(C.HUB_SCHEMA, "hub_invalid"),
        {".runpod/hub.json": env({"key": "A", "input": {"name": "A", "type": "string", "options": [{"label": "x"}]}})},
    ),
    document(
        "hub_gpu_without_pool",
        "runsOn GPU without gpuIds",
        fails(C.HUB_SCHEMA, "hub_invalid"),
        {".runpod/hub.json": hub({**GPU_HUB, "gpuIds": None})},
    ),
    document(
        "hub_audio_video",
        "a category that isn't one",
        fails(C.HUB_SCHEMA, "hub_invalid"),
        {".runpod/hub.json": hub(GPU_HUB, category="multimodal")},
    ),
)
