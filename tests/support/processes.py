"""Killing processes of a stack while others of it come and go."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.processes import stack_processes


def kill_processes(layout: Layout, wanted: Callable[[str], bool] = lambda title: True) -> dict[int, str]:
    """SIGKILL the processes of a stack whose title is wanted, the supervisor first, so that it starts nothing again.

    Args:
        layout: The stack.
        wanted: Decides by a process's whole command line; a process that ended meanwhile isn't asked about.

    Returns:
        The command lines of those that were killed, by pid.
    """
    titles = {}
    for process in stack_processes(layout):
        try:
            titles[process] = " ".join(process.cmdline()).strip()
        except psutil.NoSuchProcess:
            continue
    killed = {}
    for process, title in sorted(titles.items(), key=lambda item: "supervisord" not in item[1]):
        if not wanted(title):
            continue
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
        killed[process.pid] = title
    return killed
