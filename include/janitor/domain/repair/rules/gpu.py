"""A worker that wants a GPU still wants it after a patch, and no lesser one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from janitor.domain.repair.rules.rule import Change, Rule, Touched
from janitor.inspection.repository.gpu_ids import GPU_TYPES, POOLS

_SWITCHED_OFF = re.compile(
    r"(?i)\b(?:CUDA_VISIBLE_DEVICES|NVIDIA_VISIBLE_DEVICES|HIP_VISIBLE_DEVICES)[\"'\]]{0,3}\s{0,3}[=:]\s{0,3}"
    r"(?:[\"']{2}|[\"']?(?:-1|none|void|no)\b|$)|\bgpu_required[\"']?\s{0,3}[:=]\s{0,3}(?:false|no|0)\b"
    r"|\bFORCE_CPU\b|--device[\s=]+cpu\b|torch[\w]{0,10}\S{0,20}\+cpu\b|/whl/cpu\b",
    re.MULTILINE,
)


def _weakened(change: Change) -> str | None:
    for file in change.files:
        known = {match[0].casefold() for match in _SWITCHED_OFF.finditer(file.before or "")}
        for match in _SWITCHED_OFF.finditer("\n".join(file.new_lines)):
            if match[0].casefold() not in known:
                return f"{file.path} takes the GPU away: {match[0][:60]}"
        if file.path.casefold().endswith((".json",)) and (why := _weaker_config(file)):
            return f"{file.path}: {why}"
    return None


def _weaker_config(file: Touched) -> str | None:
    before, after = _config(file.before), _config(file.after)
    if before.get("runsOn") == "GPU" and after.get("runsOn") != "GPU":
        return "runsOn is no longer GPU"
    if lost := _lost_ids(before.get("gpuIds"), after.get("gpuIds")):
        return f"gpuIds: {lost}"
    kind = before.get("gpuTypeId")
    if isinstance(kind, str) and kind in GPU_TYPES and after.get("gpuTypeId") != kind:
        return f"gpuTypeId is no longer {kind}"
    was, now = before.get("gpuCount"), after.get("gpuCount")
    if _count(now) < _count(was):
        return f"gpuCount is no longer {was}"
    return None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _lost_ids(before: Any, after: Any) -> str | None:
    if not isinstance(before, str) or not before.strip():
        return None
    if not isinstance(after, str) or not after.strip():
        return "none any more"
    old, new = ({part.strip() for part in text.split(",")} for text in (before, after))
    known = {each for each in old if each in POOLS or (each.removeprefix("-").strip() in GPU_TYPES and each[0] == "-")}
    if lost := sorted(known - new):
        return f"{lost[0]} is gone"
    # A name that doesn't exist may be replaced, each by one that does.
    if len(new - old) > len(old - new):
        return "there are more than there were"
    return None


def _config(text: str | None) -> Mapping[str, Any]:
    try:
        document = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    config = document.get("config") if isinstance(document, dict) else None
    return config if isinstance(config, dict) else {}


GPU_RULES = (
    Rule(
        name="gpu_weakened",
        refuses="a worker for GPUs that needs none any more, or other ones",
        example='"runsOn": "GPU" becomes "CPU"',
        broken=_weakened,
    ),
)
