"""Ends every descendant of this process, whatever session or process group it moved to.

Rests on the validator being a child subreaper: an orphaned grandchild becomes its child instead of disappearing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from janitor.guest.processes.confinement import owns_descendants
from janitor.guest.processes.proc_stat import read_stat

_PAUSE_SECONDS = 0.01


def descendants() -> list[int]:
    """Process ids of all living descendants of this process; zombies don't count."""
    parents: dict[int, int] = {}
    states: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        stat = read_stat(int(entry))
        if stat is None:
            continue  # it ended while we looked
        states[int(entry)] = stat.state
        parents[int(entry)] = stat.parent
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = list(children.get(os.getpid(), ()))
    while waiting:
        pid = waiting.pop()
        if states[pid] not in "ZX":
            found.append(pid)
        waiting += children.get(pid, ())
    return found


def kill_descendants(*, within_seconds: float, waited_for: frozenset[int]) -> list[int]:
    """SIGKILL every descendant until none is left.

    Args:
        within_seconds: How long to go on; a process in an uninterruptible sleep can take any time.
        waited_for: Direct children whose exit status somebody else collects.

    Returns:
        The process ids still alive at the end of that time; empty when all is well.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        living = descendants() if owns_descendants() else []
        if not living or time.monotonic() >= deadline:
            return living
        # Stopped first, so that a forking tree cannot outrun us.
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for pid in living:
                with contextlib.suppress(OSError):
                    os.kill(pid, sign)
        _reap_adopted(waited_for)
        time.sleep(_PAUSE_SECONDS)


def _reap_adopted(waited_for: frozenset[int]) -> None:
    """Collect the exit status of orphans that became our children, so that they don't stay as zombies."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        return
    for pid in children:
        if pid not in waited_for:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
