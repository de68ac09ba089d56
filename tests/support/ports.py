"""Ports for the servers of a test: of this test process alone, so that nobody takes one before its server listens."""

from __future__ import annotations

import os
import random

from janitor.stack.state.ports import is_free

# Below what a Janitor takes by itself, and below what the system takes for outgoing connections.
_FIRST = 12_000
_SHARE = 1_000
_SHARES = 8


def free_ports(number: int) -> list[int]:
    """Ports that are free now, from the share of this process of pytest-xdist."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    start = _FIRST + int(worker) % _SHARES * _SHARE
    shuffled = random.sample(range(start, start + _SHARE), k=_SHARE)
    free = [port for port, _ in zip(filter(is_free, shuffled), range(number), strict=False)]
    assert len(free) == number, f"fewer than {number} ports are free from {start} on"
    return free
