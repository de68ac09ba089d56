"""What parts of the stack use while nothing but waiting goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import psutil


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of one component, over a window."""

    cpu_percent: float
    """Of one core, children included."""
    memory_bytes: int
    """PSS at the end of the window."""


def usage_of(processes: Callable[[], Sequence[psutil.Process]], part: str, window: timedelta) -> Callable[[], Usage]:
    """Begin to measure the processes whose command line holds `part`; calling the result ends it.

    The window is the caller's; it is only handed in to be divided by.
    """
    before = _cpu_seconds(processes(), part)
    began = time.monotonic()

    def end() -> Usage:
        found = _of(processes(), part)
        seconds = max(time.monotonic() - began, window.total_seconds() / 2)
        return Usage(
            cpu_percent=100 * max(_cpu_seconds(found, "") - before, 0) / seconds,
            memory_bytes=sum(_pss(one) for one in found),
        )

    return end


def _of(processes: Sequence[psutil.Process], part: str) -> list[psutil.Process]:
    found = []
    for one in processes:
        with contextlib.suppress(psutil.Error):
            if part in " ".join(one.cmdline()):
                found.append(one)
    return found


def _cpu_seconds(processes: Sequence[psutil.Process], part: str) -> float:
    total = 0.0
    for one in _of(processes, part) if part else processes:
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _pss(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error, AttributeError):
        return int(process.memory_full_info().pss)
    return 0
