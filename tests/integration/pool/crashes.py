"""Killing a process at one edge: a fork of this one, which ends itself by SIGKILL before or after a call."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from janitor.cloud import session

_WITHIN_SECONDS = 180


@dataclass(frozen=True)
class Edge:
    """Where it is killed."""

    module: str
    """Of the product, in which the call is made."""
    function: str
    """As that module names it; `Class.method` for a method."""
    after: bool = False
    """Once the call has had its effect; else before it."""

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.module.rpartition('.')[2]}.{self.function}"


def killed_at(edge: Edge, act: Callable[[], object]) -> bool:
    """Do something in a process of its own that is killed at an edge; returns whether it came there."""
    process = multiprocessing.get_context("fork").Process(target=_act, args=(edge, act))
    process.start()
    process.join(_WITHIN_SECONDS)
    assert not process.is_alive()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode == -signal.SIGKILL


def _act(edge: Edge, act: Callable[[], object]) -> None:
    session._client.cache_clear()  # the connections are the parent's
    _plant(edge)
    act()
    os._exit(0)


def _plant(edge: Edge) -> None:
    holder: Any = import_module(edge.module)
    *path, name = edge.function.split(".")
    for each in path:
        holder = getattr(holder, each)
    original = getattr(holder, name)

    def call(*values: Any, **named: Any) -> Any:
        if edge.after:
            original(*values, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(holder, name, call)
