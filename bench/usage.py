"""What parts of the stack use: memory, CPU, calls to AWS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import psutil

from janitor.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of one component, over a window."""

    cpu_percent: float
    """Of one core, children included."""
    memory_bytes: int
    """PSS at the end of the window."""


def usage_of(processes: Callable[[], Sequence[psutil.Process]], part: str) -> Callable[[], Usage]:
    """Begin to measure the processes whose command line holds `part`; calling the result ends it, once."""
    before, began = _cpu_seconds(_of(processes(), part)), time.monotonic()

    def end() -> Usage:
        found = _of(processes(), part)
        return Usage(
            cpu_percent=100 * max(_cpu_seconds(found) - before, 0) / (time.monotonic() - began),
            memory_bytes=pss(found),
        )

    return end


def pss(processes: Sequence[psutil.Process]) -> int:
    """Bytes of memory of processes, shared pages counted once; what ends meanwhile counts nothing."""
    total = 0
    for one in processes:
        with contextlib.suppress(psutil.Error, AttributeError):
            total += int(one.memory_full_info().pss)
    return total


def aws_calls(settings: Settings) -> int:
    """How many calls the local cloud has answered so far."""
    answer = httpx.get(f"{settings.aws_endpoint_url}/_localcloud/health", timeout=30, trust_env=False)
    return int(answer.json()["calls"])


def _of(processes: Sequence[psutil.Process], part: str) -> list[psutil.Process]:
    found = []
    for one in processes:
        with contextlib.suppress(psutil.Error):
            if part in " ".join(one.cmdline()):
                found.append(one)
    return found


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    total = 0.0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
