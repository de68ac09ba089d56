"""What surely is meant in a document of a worker: each fix changes one kind of value, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from janitor.domain.repair.json_edit import JsonText, Path, mapping_of
from janitor.inspection.documents.hub_file import CATEGORIES, INPUT_TYPES
from janitor.inspection.repository.gpu_ids import GPU_TYPES, POOLS

POOL_OF_TYPE = {
    **dict.fromkeys(("NVIDIA RTX A4000", "NVIDIA RTX 4000 Ada Generation"), "AMPERE_16"),
    "NVIDIA RTX 2000 Ada Generation": "AMPERE_16",
    **dict.fromkeys(("NVIDIA RTX A5000", "NVIDIA GeForce RTX 3090"), "AMPERE_24"),
    **dict.fromkeys(("NVIDIA RTX A6000", "NVIDIA A40"), "AMPERE_48"),
    **dict.fromkeys(("NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB"), "AMPERE_80"),
    "NVIDIA GeForce RTX 4090": "ADA_24",
    "NVIDIA GeForce RTX 5090": "ADA_32_PRO",
    **dict.fromkeys(("NVIDIA L40", "NVIDIA L40S", "NVIDIA RTX 6000 Ada Generation"), "ADA_48_PRO"),
    **dict.fromkeys(("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 NVL"), "ADA_80_PRO"),
    **dict.fromkeys(("NVIDIA H200", "NVIDIA H200 NVL"), "HOPPER_141"),
}
"""Where the documentation says one thing: of the L4 and the A4500 it says two.

Source: https://docs.runpod.io/flash/configuration/gpu-types and references/gpu-types.
"""
_SHORTEST_MS = 1_000
_HUB_KEYS = ("title", "description", "type", "category", "config", "iconUrl")
_CONFIG_KEYS = (
    *("runsOn", "containerDiskInGb", "gpuIds", "gpuCount", "cpuFlavor", "allowedCudaVersions", "env", "presets"),
    "endpointType",
)
_TESTS_CONFIG_KEYS = ("gpuTypeId", "gpuCount", "allowedCudaVersions", "env", "cpuFlavor")
_CASE_KEYS = ("name", "input", "timeout")
_WHOLE = re.compile(r"(\d{1,7})(?:\.0{1,6})? ?(?:gb|ms)?", re.I)


def fix_hub(text: JsonText) -> list[str]:
    """hub.json."""
    did = _named(text, (), _HUB_KEYS)
    hub = mapping_of(text.document)
    if not hub:
        return did
    if hub.get("type") != "serverless":
        did += _put(text, (), "type", "serverless")
    if (category := _one(hub.get("category"), CATEGORIES)) is not None:
        did += _put(text, (), "category", category)
    if not isinstance(hub.get("config"), dict):
        return did
    did += _named(text, ("config",), _CONFIG_KEYS)
    did += _hardware(text)
    did += _env(text, ("config", "env"))
    return did + _inputs(text)


def _hardware(text: JsonText) -> list[str]:
    did: list[str] = []
    config = mapping_of(text.value(("config",)))
    runs_on = _one(config.get("runsOn"), ("GPU", "CPU"))
    if "runsOn" not in config and ("gpuIds" in config) != ("cpuFlavor" in config):
        runs_on = "GPU" if "gpuIds" in config else "CPU"
    if runs_on is not None:
        did += _put(text, ("config",), "runsOn", runs_on)
    did += _counts(text, ("config",), ("containerDiskInGb", "gpuCount"))
    config = mapping_of(text.value(("config",)))
    if config.get("runsOn") == "GPU" and "gpuIds" in config and "gpuCount" not in config:
        did += _put(text, ("config",), "gpuCount", 1)
    if "gpuIds" in config:
        did += _pools(text, config["gpuIds"])
    return did + _cuda(text, ("config",))


def _pools(text: JsonText, value: Any) -> list[str]:
    listed = [str(each) for each in value] if isinstance(value, list) else str(value).split(",")
    meant = [_pool(each.strip()) for each in listed if each.strip()]
    spelled = ",".join(dict.fromkeys(each for each in meant if each))
    if not spelled or None in meant or spelled == value:
        return []
    same = isinstance(value, str) and [each.strip() for each in listed] == meant
    return [] if same else _put(text, ("config",), "gpuIds", spelled)


def _pool(name: str) -> str | None:
    """The pool, or the exclusion of a type, that a name means; None where that can't be told."""
    if name.startswith("-"):
        kind = gpu_type(name[1:].strip())
        return None if kind is None else f"-{kind}"
    if name in POOLS:
        return name
    spelled = re.sub(r"[\s-]+", "_", name).upper()
    if spelled in POOLS:
        return spelled
    longer = [pool for pool in POOLS if pool.startswith(f"{spelled}_")]
    if len(longer) == 1:
        return longer[0]
    kind = gpu_type(name)
    return None if kind is None else POOL_OF_TYPE.get(kind)


def gpu_type(name: str) -> str | None:
    """The GPU type that a name means; None where it means none, or several."""
    if name in GPU_TYPES:
        return name
    wanted = _words(name)
    same = [kind for kind in GPU_TYPES if _words(kind) == wanted]
    return same[0] if len(same) == 1 else None


def _words(name: str) -> tuple[str, ...]:
    """A type's name without what people leave out of it."""
    words = re.split(r"[\s_-]+", name.strip().casefold())
    return tuple(word for word in words if word not in ("nvidia", "geforce", "generation", "tesla"))


def fix_tests(text: JsonText) -> list[str]:
    """tests.json, in either place."""
    root: Path = ()
    did: list[str] = []
    if isinstance(text.document, dict):
        did += _named(text, (), ("tests", "config"))
        root = ("tests",)
    cases = text.document if not root else mapping_of(text.document).get("tests")
    for index in range(len(cases) if isinstance(cases, list) else 0):
        did += _case(text, (*root, index), index, is_new=bool(root))
    if root and isinstance(mapping_of(text.document).get("config"), dict):
        did += _named(text, ("config",), _TESTS_CONFIG_KEYS)
        did += _counts(text, ("config",), ("gpuCount",))
        did += _cuda(text, ("config",)) + _env(text, ("config", "env"))
        did += _type(text)
    return did


def _case(text: JsonText, path: Path, index: int, *, is_new: bool) -> list[str]:
    if not isinstance(text.value(path), dict):
        return []
    did = _named(text, path, _CASE_KEYS)
    case = mapping_of(text.value(path))
    if is_new and "name" not in case:
        did += _put(text, path, "name", f"case_{index + 1}")
    timeout = case.get("timeout")
    if isinstance(timeout, str) and (match := _WHOLE.fullmatch(timeout.strip())):
        timeout = int(match[1])
        did += _put(text, path, "timeout", timeout)
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and 0 < timeout < _SHORTEST_MS:
        did += _put(text, path, "timeout", int(timeout * 1_000))
    return did


def _type(text: JsonText) -> list[str]:
    name = mapping_of(text.value(("config",))).get("gpuTypeId")
    if isinstance(name, list) and len(name) == 1:
        name = name[0]
        if name in GPU_TYPES:
            return _put(text, ("config",), "gpuTypeId", name)
    if not isinstance(name, str) or name in GPU_TYPES:
        return []
    kind = gpu_type(name)
    if kind is None and name in POOLS:
        of_pool = [each for each, pool in POOL_OF_TYPE.items() if pool == name]
        kind = of_pool[0] if len(of_pool) == 1 else None
    return [] if kind is None else _put(text, ("config",), "gpuTypeId", kind)


def fix_job(text: JsonText) -> list[str]:
    """test_input.json: the job around the input."""
    document = text.document
    if not isinstance(document, dict) or "input" in document or not document:
        return []
    inner = text.text.strip()
    unit = "  " if "\n" in inner else ""
    indented = inner.replace("\n", f"\n{unit}")
    opened, closed = (f"{{\n{unit}", "\n}") if unit else ("{", "}")
    end = text.text[len(text.text.rstrip()) :]
    text.replace_all(f'{opened}"input": {indented}{closed}{end}')
    return ["the input stands in `input`"]


def _put(text: JsonText, path: Path, key: str, value: Any) -> list[str]:
    holder = mapping_of(text.value(path))
    if key in holder:
        if holder[key] == value and type(holder[key]) is type(value):
            return []
        text.set((*path, key), value)
    else:
        text.add(path, key, value)
    return [f"{'.'.join(str(each) for each in (*path, key))} is {value!r}"]


def _named(text: JsonText, path: Path, keys: Iterable[str]) -> list[str]:
    """Keys in their documented spelling, where they are out by case, an underscore or a plural."""
    did = []
    for key in keys:
        holder = mapping_of(text.value(path))
        if key in holder:
            continue
        same = [other for other in holder if _folded(other) == _folded(key)]
        if len(same) == 1 and same[0] not in keys:
            text.rename((*path, same[0]), key)
            did.append(f"{same[0]} is called {key}")
    return did


def _folded(key: str) -> str:
    return re.sub(r"[_\s-]", "", key).casefold().rstrip("s")


def _one(value: Any, allowed: Iterable[str]) -> str | None:
    """The allowed value that is meant by another case; None where it is none, or right already."""
    if not isinstance(value, str) or value in allowed:
        return None
    same = [each for each in allowed if each.casefold().rstrip("s") == value.strip().casefold().rstrip("s")]
    return same[0] if len(same) == 1 else None


def _counts(text: JsonText, path: Path, keys: Iterable[str]) -> list[str]:
    did = []
    for key in keys:
        value = mapping_of(text.value(path)).get(key)
        if isinstance(value, str) and (match := _WHOLE.fullmatch(value.strip())) and int(match[1]) > 0:
            did += _put(text, path, key, int(match[1]))
        elif isinstance(value, float) and value.is_integer() and value > 0:
            did += _put(text, path, key, int(value))
    return did


def _cuda(text: JsonText, path: Path) -> list[str]:
    value = mapping_of(text.value(path)).get("allowedCudaVersions")
    if isinstance(value, str):
        value = [each.strip() for each in value.split(",") if each.strip()]
    if not isinstance(value, list):
        return []
    meant = [f"{each:.1f}" if isinstance(each, float) and round(each, 1) == each else each for each in value]
    return _put(text, path, "allowedCudaVersions", meant)


def _env(text: JsonText, path: Path) -> list[str]:
    """Variables as a list, where they stand as an object."""
    holder = mapping_of(text.value(path[:-1]))
    value = holder.get(str(path[-1]))
    if not isinstance(value, dict) or not all(isinstance(each, (str, int, float, bool)) for each in value.values()):
        return []
    listed = [{"key": key, "value": _plain(each)} for key, each in value.items()]
    text.set(path, listed)
    return ["env is a list of key and value"]


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _inputs(text: JsonText) -> list[str]:
    """Types of the inputs that hub.json asks people for."""
    did: list[str] = []
    env = mapping_of(text.value(("config",))).get("env")
    for index, entry in enumerate(env if isinstance(env, list) else ()):
        form = mapping_of(entry).get("input")
        path: Path = ("config", "env", index, "input")
        if isinstance(form, dict) and (kind := _one(form.get("type"), INPUT_TYPES)) is not None:
            did += _put(text, path, "type", kind)
    return did
