"""Who holds a lease, and whether that process is provably dead.

A process number is used again, a host name too, and within a container another process may have the same number. So
a holder is its machine, that machine's start, its view of processes, the number and the instant at which it began.
Where one of these can't be told, nothing is proved, and unknown is never dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

INITIAL_PID_NAMESPACE = 4026531836
"""Of a process that is in no container. Source: linux/include/uapi/linux/nsfs.h, PROC_PID_INIT_INO."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a process runs, as far as it can be told; "" and 0 where it can't."""

    host: str
    machine_id: str
    boot_id: str
    """Another one after each start of the machine."""
    pid_namespace: int
    """Processes of another one have numbers of their own."""

    def is_same_view(self, other: Machine) -> bool:
        """Whether a process number means the same process in both."""
        return bool(self.boot_id and self.pid_namespace) and (self.boot_id, self.pid_namespace) == (
            other.boot_id,
            other.pid_namespace,
        )

    def was_restarted(self, since: Machine) -> bool:
        """Whether this is the machine of `since`, started again; a container's start proves nothing of a machine."""
        is_known = bool(self.boot_id and since.boot_id and self.machine_id)
        outside = self.pid_namespace == since.pid_namespace == INITIAL_PID_NAMESPACE
        same = (self.host, self.machine_id) == (since.host, since.machine_id)
        return is_known and outside and same and self.boot_id != since.boot_id


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lease."""

    machine: Machine
    pid: int
    started: int
    """In ticks since the machine's start; 0 where it can't be told."""
    instance_id: str | None = None
    """The EC2 instance that it runs on, where that is in the ledger."""
    task: str | None = None
    """The Airflow task that it is, with its try."""

    def __str__(self) -> str:
        task = f", {self.task}" if self.task else ""
        return f"pid {self.pid} on {self.instance_id or self.machine.host}{task}"


class Liveness(Enum):
    """What is known of a holder."""

    ALIVE = "alive"
    DEAD = "dead"  # provably: no other word for it ends a lease
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What was seen of a holder, from here, at one moment."""

    here: Machine
    started: int | None
    """When the process that has the holder's number began; None where there is none, or it has ended."""
    instance_terminated: bool = False
    """Whether the ledger says so of the holder's instance."""
    left_behind: int = 0
    """Living processes here that the holder started for this lease."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a holder lives, and how that is known."""

    liveness: Liveness
    reason: str

    @property
    def is_dead(self) -> bool:
        """Whether it is proved; unknown is not dead."""
        return self.liveness is Liveness.DEAD


def judge(holder: Holder, seen: Sighting) -> Judgement:
    """Say whether a holder is provably dead."""
    if seen.instance_terminated:
        return Judgement(liveness=Liveness.DEAD, reason=f"its machine {holder.instance_id} is terminated")
    machine = holder.machine
    if seen.here.was_restarted(machine):
        return Judgement(liveness=Liveness.DEAD, reason=f"{machine.host} was started again since")
    if not seen.here.is_same_view(machine):
        return Judgement(liveness=Liveness.UNKNOWN, reason=f"its process can't be seen from {seen.here.host}")
    if not holder.started:
        return Judgement(liveness=Liveness.UNKNOWN, reason="when its process began was never told")
    if seen.started == holder.started:
        return Judgement(liveness=Liveness.ALIVE, reason=f"process {holder.pid} runs")
    if seen.left_behind:
        return Judgement(liveness=Liveness.ALIVE, reason=f"{seen.left_behind} processes that it started still run")
    what = "has ended" if seen.started is None else "has ended, its number is another process's"
    return Judgement(liveness=Liveness.DEAD, reason=f"process {holder.pid} {what}")
