"""TCP ports of a stack on the loopback interface.

A stack keeps its ports over restarts, and takes the next free one where somebody else has its port. Between the choice
and the moment when the component listens, the port is reserved by a lock file, so that two stacks which start at the
same time don't choose the same one.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import StackError

LOOPBACK = "127.0.0.1"
_ATTEMPTS = 500
_PATIENCE = timedelta(seconds=2)
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Ports:
    """The ports of one stack."""

    web: int
    postgres: int
    cloud: int
    supervisor: int

    def as_dict(self) -> dict[str, int]:
        """Return the ports by name."""
        return {"web": self.web, "postgres": self.postgres, "cloud": self.cloud, "supervisor": self.supervisor}


@contextmanager
def reserve(preferred: Ports, kept: Mapping[str, int]) -> Iterator[Ports]:
    """Choose free ports and keep other stacks off them until the block ends.

    Args:
        preferred: Where to begin looking.
        kept: The ports of the last start, tried first.

    Raises:
        StackError: no free port was found.
    """
    with ExitStack() as locks:
        chosen: dict[str, int] = {}
        for name, start in preferred.as_dict().items():
            port = _choose(start, kept.get(name), set(chosen.values()), locks)
            if port is None:
                raise StackError(
                    f"no free port for {name} from {start} on; end what listens there, "
                    f"or set JANITOR_{name.upper()}_PORT"
                )
            chosen[name] = port
        yield Ports(**chosen)


def _choose(start: int, kept: int | None, used: set[int], locks: ExitStack) -> int | None:
    """Return the kept port, else the first free one from `start` on; None when there is none."""
    if kept is not None and kept not in used and _becomes_free(kept) and _lock(kept, locks):
        return kept
    for port in range(start, min(start + _ATTEMPTS, 65_536)):
        if port not in used and is_free(port) and _lock(port, locks):
            return port
    return None


def _becomes_free(port: int) -> bool:
    """Tell whether a port is free now or in a moment: a killed process keeps its sockets until it has ended."""
    deadline = time.monotonic() + _PATIENCE.total_seconds()
    while not is_free(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections in TIME_WAIT, as a stack leaves them when it stops, don't count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _lock(port: int, locks: ExitStack) -> bool:
    """Lock a port among this user's stacks until `locks` is closed; False when another holds it."""
    folder = Path(tempfile.gettempdir()) / f"janitor-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise StackError(f"{folder} belongs to somebody else; remove it")
    file = locks.enter_context((folder / str(port)).open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
