"""Finding and ending every process of a stack, also those that nobody supervises any more.

A process belongs to a stack when its environment carries the stack's mark, which children inherit: Airflow's tasks,
too, which leave their scheduler's process group. Two kinds don't show the mark and are known by their working
directory: PostgreSQL's processes, which overwrite their environment to show a title, and the instances of the local
cloud, which get a clean environment on purpose.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from janitor.domain.errors import StackError
from janitor.stack.state.layout import STACK_ID_VARIABLE, Layout

_POLL_SECONDS = 0.1
_KILL_TIMEOUT = timedelta(seconds=15)
_TITLE_LENGTH = 120


@dataclass(frozen=True)
class EndedProcess:
    """A process that a stack left running, and that was ended."""

    pid: int
    title: str
    killed: bool
    """Whether it took SIGKILL."""


def stack_processes(layout: Layout) -> list[psutil.Process]:
    """Return the live processes of a stack, without this one and its ancestors."""
    return list(_processes(layout))


def end_processes(layout: Layout, *, grace: timedelta) -> list[EndedProcess]:
    """End every process of a stack: SIGTERM, after the grace SIGKILL, until none is left.

    Args:
        layout: The stack.
        grace: Time from a process's SIGTERM to its SIGKILL.

    Returns:
        What was ended, in the order in which it was found.

    Raises:
        StackError: some can't be ended.
    """
    ended: dict[int, EndedProcess] = {}
    first_seen: dict[int, float] = {}
    deadline = time.monotonic() + grace.total_seconds() + _KILL_TIMEOUT.total_seconds()
    while processes := stack_processes(layout):
        now = time.monotonic()
        if now > deadline:
            raise StackError(
                "processes of the stack can't be ended: "
                + ", ".join(f"{p.pid} ({title_of(p)})" for p in processes)
                + "; end them by hand (perhaps with sudo), then run this again"
            )
        # supervisord first, so that it starts nothing again.
        for process in sorted(processes, key=lambda p: "supervisord" not in title_of(p)):
            if process.pid not in first_seen:
                first_seen[process.pid] = now
                ended[process.pid] = EndedProcess(process.pid, title_of(process), killed=False)
                _terminate(process)
            elif now - first_seen[process.pid] > grace.total_seconds():
                ended[process.pid] = EndedProcess(process.pid, ended[process.pid].title, killed=True)
                _signal(process, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    return list(ended.values())


def _processes(layout: Layout) -> Iterator[psutil.Process]:
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        # A process that ends while it is looked at, or that belongs to somebody else, isn't one to end.
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and _belongs(process, layout):
                yield process


def _belongs(process: psutil.Process, layout: Layout) -> bool:
    with contextlib.suppress(psutil.AccessDenied):
        if process.environ().get(STACK_ID_VARIABLE) == layout.stack_id:
            return True
    directory = Path(process.cwd())
    if process.name() == "postgres":
        return directory == layout.postgres_data
    # A person's shell or editor that was started in the folder has a terminal.
    return directory.is_relative_to(layout.cloud) and process.terminal() is None


def _terminate(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        if process.name() != "postgres":
            _signal(process, signal.SIGTERM)
        elif not _is_backend(process):
            _signal(process, signal.SIGINT)  # "fast shutdown"; SIGTERM would wait for every client


def _is_backend(process: psutil.Process) -> bool:
    parent = process.parent()
    return parent is not None and parent.name() == "postgres"


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    # AccessDenied is told at the deadline, with the pid.
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)


def title_of(process: psutil.Process) -> str:
    """Return a process's command line, shortened."""
    try:
        return (" ".join(process.cmdline()).strip() or process.name())[:_TITLE_LENGTH]
    except psutil.Error:
        return "?"
