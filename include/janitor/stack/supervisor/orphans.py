"""Ending what a killed scheduler leaves behind.

The LocalExecutor's workers are forked from the scheduler and outlive it. One that is at work finishes its task, which
is wanted. One that is idle waits for ever on a queue that nobody fills any more, and holds, by inheritance, the sockets
of the scheduler's database connections: a transaction that the kill interrupted stays open with its row locks, and the
next scheduler, which skips locked rows, passes over that DAG run.
"""

from __future__ import annotations

import contextlib

import psutil

from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.processes import stack_processes, title_of

_IDLE_WORKER = ("airflow worker -- LocalExecutor", "<idle>")
_SCHEDULER = "airflow scheduler"


def end_idle_orphans(layout: Layout) -> list[int]:
    """End a stack's idle workers whose scheduler is gone, by SIGKILL: they have nothing to lose.

    Returns:
        The pids that were ended.
    """
    ended = []
    for process in stack_processes(layout):
        # One that ends meanwhile, or takes up a task, needs nothing.
        with contextlib.suppress(psutil.Error):
            if all(part in title_of(process) for part in _IDLE_WORKER) and not _has_scheduler(process):
                process.kill()
                ended.append(process.pid)
    return ended


def _has_scheduler(worker: psutil.Process) -> bool:
    parent = worker.parent()
    return parent is not None and _SCHEDULER in title_of(parent)
