"""One process at a time, by a lock that ends with its holder however that ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.domain.watch.waits import waiting

_PAUSE_SECONDS = 0.05


@contextmanager
def turn(lock: Path, *, what: str, limit: timedelta) -> Iterator[None]:
    """Hold a lock file, which is never removed: a new one would be locked while the old one still is.

    Args:
        lock: The file.
        what: That others may be at, for messages: `fetching …`.
        limit: How long to wait for them.

    Raises:
        WorkspaceError: Others held it all the time, or the file can't be made.
    """
    deadline = time.monotonic() + limit.total_seconds()
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = lock.open("a")
    except OSError as exc:
        raise WorkspaceError(f"{lock} can't be made: {exc.strerror}; is {lock.parent} a folder of this user?") from exc
    with file, waiting(f"waiting for another process that is {what}", limit):
        while True:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise WorkspaceError(
                        f"another process is {what} for more than {limit.total_seconds():.0f} s; try again later"
                    ) from None
                time.sleep(_PAUSE_SECONDS)
        yield
