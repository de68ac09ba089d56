"""One process at a time may start or stop a stack."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from janitor.domain.errors import StackError
from janitor.domain.watch.waits import waiting

_PAUSE_SECONDS = 0.2


@contextmanager
def exclusive(path: Path, *, wait: timedelta, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a stack; it ends with the process, however that ends.

    Args:
        path: The lock file; it holds the pid of the last holder.
        wait: How long to wait for another holder.
        progress: Told once that somebody else is at work.

    Raises:
        StackError: another process held the lock all the time.
    """
    with path.open("a+") as file:
        _acquire(file, wait=wait, progress=progress)
        yield


def _acquire(file: TextIO, *, wait: timedelta, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait.total_seconds()
    told = False
    with waiting("waiting for another `up` or `down`", wait):
        while not _try_lock(file.fileno()):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            if time.monotonic() >= deadline:
                raise StackError(
                    f"another `up` or `down` (pid {holder}) has been at work on this stack for more than "
                    f"{wait.total_seconds():.0f} s; wait for it or end it, then run this again"
                )
            if not told:
                progress(f"another `up` or `down` (pid {holder}) is at work on this stack; waiting for it")
                told = True
            time.sleep(_PAUSE_SECONDS)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
