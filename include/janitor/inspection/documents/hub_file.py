"""The rules of `.runpod/hub.json`.

Source: https://docs.runpod.io/hub/publishing-guide
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from janitor.inspection.documents.documents import (
    Problems,
    expect_count,
    expect_cuda_versions,
    expect_object,
    expect_text,
    one_of,
    shown,
)
from janitor.inspection.repository.gpu_ids import GPU_TYPES, POOLS
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.values import type_name

_CODE = ReasonCode.HUB_INVALID
CATEGORIES = frozenset({"audio", "embedding", "language", "video", "image"})
INPUT_TYPES = frozenset({"string", "huggingface", "number", "boolean"})
_MOST_IDS = 200
_INPUT_KEYS = frozenset(
    {
        *("name", "type", "description", "default", "options", "min", "max", "required", "advanced"),
        *("trueValue", "falseValue"),
    }
)


def hub_problems(document: Any) -> Problems:
    """Everything in a hub.json that breaks its documented form."""
    problems = Problems()
    hub = expect_object(problems, document, "the document", _CODE)
    if hub is None:
        return problems
    expect_text(problems, hub, "title", "", _CODE)
    expect_text(problems, hub, "description", "", _CODE)
    if (kind := expect_text(problems, hub, "type", "", _CODE)) and kind != "serverless":
        problems.add(_CODE, f'type must be "serverless", not {shown(kind)}')
    if (category := expect_text(problems, hub, "category", "", _CODE)) and category not in CATEGORIES:
        problems.add(_CODE, f"category {shown(category)} is none of: {one_of(CATEGORIES)}")
    if "config" not in hub:
        problems.add(_CODE, "config is missing")
    elif (config := expect_object(problems, hub["config"], "config", _CODE)) is not None:
        _config(problems, config)
    return problems


def _config(problems: Problems, config: Mapping[str, Any]) -> None:
    where = "config."
    runs_on = config.get("runsOn")
    if runs_on not in ("GPU", "CPU"):
        given = "is missing" if "runsOn" not in config else f"is {shown(runs_on)}"
        problems.add(_CODE, f"config.runsOn {given}; it must be GPU or CPU")
    if "containerDiskInGb" not in config:
        problems.add(_CODE, "config.containerDiskInGb is missing")
    expect_count(problems, config, "containerDiskInGb", where, _CODE)
    expect_count(problems, config, "gpuCount", where, _CODE)
    if runs_on == "GPU":
        if "gpuIds" not in config:
            problems.add(_CODE, "config.gpuIds is missing, which runsOn GPU needs")
        if "gpuCount" not in config:
            problems.add(_CODE, "config.gpuCount is missing, which runsOn GPU needs")
    if runs_on == "CPU" and "cpuFlavor" not in config:
        problems.add(_CODE, "config.cpuFlavor is missing, which runsOn CPU needs")
    if "gpuIds" in config:
        check_gpu_ids(problems, config["gpuIds"], "config.gpuIds", _CODE)
    if "endpointType" in config and config["endpointType"] not in ("LB", "QB"):
        problems.add(_CODE, f'config.endpointType must be "LB", not {shown(config["endpointType"])}')
    expect_cuda_versions(problems, config, where, _CODE)
    _env(problems, config.get("env", []))
    _presets(problems, config.get("presets", []))


def check_gpu_ids(problems: Problems, value: Any, where: str, code: ReasonCode) -> None:
    """The rule of `gpuIds`: a comma list of pools, and of GPU types excluded by a leading minus."""
    if not isinstance(value, str) or not value.strip():
        problems.add(code, f"{where} must be a comma list of GPU pools, not {type_name(value)}")
        return
    for item in dict.fromkeys(part.strip() for part in value.split(",", _MOST_IDS)[:_MOST_IDS]):
        if item.startswith("-"):
            # The guide's own example leaves "GeForce" out: -NVIDIA RTX 4090.
            name = item[1:].strip()
            if not {name, name.replace("NVIDIA ", "NVIDIA GeForce ", 1)} & GPU_TYPES:
                problems.add(ReasonCode.UNKNOWN_GPU, f"{where}: {shown(item[1:])} is no known GPU type to exclude")
        elif item in GPU_TYPES:
            problems.add(
                ReasonCode.GPU_TYPE_FOR_POOL,
                f"{where}: {shown(item)} is a GPU type; a pool such as ADA_24 belongs here",
            )
        elif item not in POOLS:
            problems.add(ReasonCode.UNKNOWN_GPU, f"{where}: {shown(item)} is no GPU pool; known are {one_of(POOLS)}")


def _env(problems: Problems, env: Any) -> None:
    if not isinstance(env, list):
        problems.add(_CODE, f"config.env must be a list, not {type_name(env)}")
        return
    for index, item in enumerate(env):
        where = f"config.env[{index}]"
        entry = expect_object(problems, item, where, _CODE)
        if entry is None:
            continue
        expect_text(problems, entry, "key", f"{where}.", _CODE)
        if "value" not in entry and "input" not in entry:
            problems.add(_CODE, f"{where} must have a value or an input")
        if "input" in entry and (form := expect_object(problems, entry["input"], f"{where}.input", _CODE)) is not None:
            _input(problems, form, f"{where}.input")


def _input(problems: Problems, form: Mapping[str, Any], where: str) -> None:
    expect_text(problems, form, "name", f"{where}.", _CODE)
    kind = expect_text(problems, form, "type", f"{where}.", _CODE)
    if kind and kind not in INPUT_TYPES:
        problems.add(_CODE, f"{where}.type {shown(kind)} is none of: {one_of(INPUT_TYPES)}")
    for key in form:
        if key not in _INPUT_KEYS:
            problems.warn(f"{where}.{key} is not documented")
    options = form.get("options")
    if options is not None and not (
        isinstance(options, list)
        and all(isinstance(option, dict) and {"label", "value"} <= set(option) for option in options)
    ):
        problems.add(_CODE, f"{where}.options must be a list of objects with label and value")


def _presets(problems: Problems, presets: Any) -> None:
    if not isinstance(presets, list):
        problems.add(_CODE, f"config.presets must be a list, not {type_name(presets)}")
        return
    for index, item in enumerate(presets):
        where = f"config.presets[{index}]"
        preset = expect_object(problems, item, where, _CODE)
        if preset is not None:
            expect_text(problems, preset, "name", f"{where}.", _CODE)
            if "defaults" in preset:
                expect_object(problems, preset["defaults"], f"{where}.defaults", _CODE)
