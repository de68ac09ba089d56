"""Tells when a handler that failed was failed by the place it ran in: no GPU, no memory, no network, or an environment
that is not the image.

Only failures are excused, never turned into a pass: the result is `error`, and the reason says what was missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from janitor.validator.engines.gaps import Gap, listed
from janitor.validator.engines.trouble import Trouble

_AROUND = 120
"""Characters shown on either side of what was recognised."""
_NO_GPU = re.compile(
    r"(?i)found no nvidia driver|no cuda gpus are available|cuda driver version is insufficient|no nvidia gpu"
    r"|torch not compiled with cuda enabled|cuda(?: is|_is)? not available|cudaErrorNoDevice|no cuda-capable device"
    r"|nvidia-smi.{0,40}not found|libcuda\.so|failed to infer device type|cuda initialization"
)
_DRIVER = re.compile(
    r"(?i)failed to initialize NVML|driver/library version mismatch|cuda driver version is insufficient"
)
_MEMORY = re.compile(
    r"(?i)cuda (?:error: )?out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|^MemoryError"
    r"|cannot allocate memory|unable to allocate .{0,40} for an array|bad_alloc",
    re.MULTILINE,
)
_DISK = re.compile(r"(?i)no space left on device|disk quota exceeded")
_NETWORK = re.compile(
    r"(?i)temporary failure in name resolution|name or service not known|nodename nor servname|failed to resolve"
    r"|network is unreachable|no route to host|max retries exceeded|too many requests|bad gateway|service unavailable"
    r"|(?:status|error|code|HTTP)\D{0,16}\b(?:429|50[0234])\b|(?:connect|read) ?timeout|connection timed out"
    r"|outgoing traffic has been disabled"
)
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'|ImportError: .*")
_MISSING_LIBRARY = re.compile(r"cannot open shared object file|OSError: .*lib\S+\.so")
_NEWER_SYNTAX = re.compile(r"(?:Syntax|Indentation)Error: .*")
_REFUSED = re.compile(r"(?i)connection ?refused|ECONNREFUSED|failed to establish a new connection")
_MISSING_FILE = re.compile(
    r"(?:FileNotFoundError|PermissionError|NotADirectoryError|OSError): .*?['\"]([^'\"\n]+)['\"]"
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a handler ran."""

    has_gpu: bool
    gaps: tuple[Gap, ...]
    """What the image has and this place lacks; empty in a container of the image."""
    in_image: Callable[[str], bool]
    """Whether the repository puts something at this absolute path of the image."""
    is_image: bool
    """Whether it ran in a container of the image."""
    unfetched_files: tuple[str, ...] = ()
    """Files that are only Git LFS pointers here."""


def excuse(text: str, place: Place) -> Trouble | None:
    """What in the place made the handler fail; None if nothing did, so far as can be told.

    Args:
        text: What the worker printed, its exception included; empty to go by the place alone.
        place: Where it ran.
    """
    for pattern, code, reason in _rules(place):
        if match := pattern.search(text):
            return _trouble(code, f"{reason}: {_around(text, match)}")
    if place.unfetched_files:
        names = ", ".join(place.unfetched_files[:3])
        return _trouble("lfs_unfetched", f"{len(place.unfetched_files)} files are only Git LFS pointers here: {names}")
    return None if place.is_image else _not_the_image(text, place)


def _rules(place: Place) -> list[tuple[re.Pattern[str], str, str]]:
    rules = [
        (_DISK, "disk_full", "the instance's disk is full"),
        (_MEMORY, "out_of_memory", "the instance ran out of memory"),
        (_NETWORK, "network", "the network failed"),
    ]
    if place.has_gpu:
        rules.append((_DRIVER, "host_driver", "the instance's GPU driver is at fault"))
    else:
        rules.append((_NO_GPU, "gpu_missing", "the worker wants a GPU and this instance has none"))
    return rules


def _not_the_image(text: str, place: Place) -> Trouble | None:
    if match := _MISSING_FILE.search(text):
        path = match.group(1)
        if path.startswith("/") and place.in_image(path):
            return _trouble("engine_limit", f"{path} is in the image, but the venv engine has no such absolute path")
    if not place.gaps:
        return None
    lacks = f"the venv engine lacks what the image has ({listed(place.gaps)})"
    for pattern in (_MISSING_LIBRARY, _MISSING_MODULE, _MISSING_FILE, _REFUSED):
        if match := pattern.search(text):
            return _trouble("engine_limit", f"{lacks}: {_around(text, match)}")
    # What another Python calls an error may be this one's lack.
    if any(gap.text.startswith("Python ") for gap in place.gaps) and (match := _NEWER_SYNTAX.search(text)):
        return _trouble("engine_limit", f"{lacks}: {_around(text, match)}")
    if any(gap.is_deep for gap in place.gaps):
        return _trouble("engine_limit", f"{lacks}, of which this failure may come")
    return None


def _trouble(code: str, reason: str) -> Trouble:
    return Trouble(repository_at_fault=False, code=code, reason=reason)


def _around(text: str, match: re.Match[str]) -> str:
    """The line of a match, or the part of it around the match where the line is long."""
    start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - _AROUND)
    end = text.find("\n", match.end())
    stop = min(end if end >= 0 else len(text), match.end() + _AROUND)
    return " ".join(text[start:stop].split())
