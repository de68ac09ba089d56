"""How a box's processes are held together, and which way this machine offers.

- `PID_NAMESPACE` (root) and `USER_NAMESPACE` (anybody, where the kernel allows it): the box's init is PID 1 of a
  namespace; when it dies the kernel ends everything in it. Complete.
- `SUBREAPER` (any Linux): orphans are re-parented to the box's init, which kills all its descendants; after it, what
  carries the box's mark in its environment. Complete unless a process hides on purpose.
- `PROCESS_GROUP` (macOS): descendants and the process groups that they lead. A daemon that forked twice and whose
  parent is dead escapes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from enum import Enum

PROBE_TIMEOUT_SECONDS = 10
UNSHARE = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")


class Containment(Enum):
    """The ways, best first."""

    PID_NAMESPACE = "pid-namespace"
    USER_NAMESPACE = "user-namespace"
    SUBREAPER = "subreaper"
    PROCESS_GROUP = "process-group"

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command that a box's init is started through."""
        if self is Containment.PID_NAMESPACE:
            return UNSHARE
        if self is Containment.USER_NAMESPACE:
            return (*UNSHARE, "--user", "--map-root-user")
        return ()

    @property
    def init_mode(self) -> str:
        """What the box's init is told."""
        return "pid-namespace" if self.prefix else self.value

    @property
    def available(self) -> bool:
        """Whether it works here: namespaces are tried out, because kernels and containers forbid them in many ways."""
        if self is Containment.SUBREAPER:
            return sys.platform == "linux"
        if self is Containment.PROCESS_GROUP:
            return True
        if sys.platform != "linux":
            return False
        return works([*self.prefix, "true"])


def works(argv: Sequence[str]) -> bool:
    """Whether a program ends well on this machine, in time: how a way to contain boxes is tried out."""
    try:
        probe = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def best_containment() -> Containment:
    """The best way that works on this machine."""
    return next(candidate for candidate in Containment if candidate.available)
