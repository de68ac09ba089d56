"""A bound on CPU time that holds on every machine: it tells what grows with the text from what grows with its square.

A busy machine adds nothing to CPU time but by sharing its caches and cores, which makes the same steps take several
times as long. So the bound grows with what a loop of known length takes at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_STEPS = 400_000
_QUIET_SECONDS = 0.012
"""What the loop takes on a quiet core."""
_ROOM = 3
"""Caches that others empty slow one kind of step more than another."""


def _slowness() -> float:
    """How many times as long as on a quiet core a step takes now; never below one."""
    started = time.process_time()
    for _ in range(_STEPS):
        pass
    return max(1.0, (time.process_time() - started) / _QUIET_SECONDS)


@contextmanager
def cpu_time_below(seconds: float) -> Iterator[None]:
    """Fail if what is done within takes more CPU time than so many seconds of a quiet core, with some room."""
    before = _slowness()
    started = time.process_time()
    yield
    took = time.process_time() - started
    bound = seconds * max(before, _slowness()) * _ROOM
    assert took < bound, f"{took:.1f} s of CPU time, {bound:.1f} s are allowed"
