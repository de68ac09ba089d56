"""Processes that are known by a mark in their environment, after whoever started them has died.

A process that is killed leaves its children at work: a `git` whose caller is gone goes on writing. The mark finds them
again, whatever folder they are in, and says beyond doubt whose they are. Linux alone tells a process's environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from datetime import timedelta

from janitor.guest.processes.proc_stat import read_stat

_PAUSE_SECONDS = 0.02


def marked_processes(name: str, value: str) -> list[int]:
    """Living processes of this user that were started with a variable of this value; this one doesn't count."""
    wanted = f"{name}={value}".encode()
    found = []
    try:
        entries = os.listdir("/proc")
    except OSError:
        return []
    for entry in entries:
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read().split(b"\0")
        except OSError:
            continue  # it has ended, or is another user's
        stat = read_stat(int(entry))
        if wanted in environment and stat is not None and not stat.is_dead:
            found.append(int(entry))
    return found


def end_marked(name: str, value: str, *, within: timedelta) -> list[int]:
    """SIGKILL processes with a mark until none is left.

    Returns:
        Those that still lived at the end of that time.
    """
    deadline = time.monotonic() + within.total_seconds()
    while True:
        living = marked_processes(name, value)
        if not living or time.monotonic() >= deadline:
            return living
        # Stopped first, so that what starts others can't outrun us.
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for pid in living:
                with contextlib.suppress(OSError):
                    os.kill(pid, sign)
        time.sleep(_PAUSE_SECONDS)
