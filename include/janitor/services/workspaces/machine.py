"""Which process and machine this is, and what is to be seen of another: read from /proc, where there is one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from janitor.domain.workspace.holder import Holder, Machine, Sighting
from janitor.domain.workspace.lease import Lease
from janitor.guest.processes.marked import marked_processes
from janitor.guest.processes.proc_stat import read_stat

LEASE_MARK = "JANITOR_LEASE"
"""Variable of every process that is started for a lease: `<lease id>.<fence>`."""


def this_machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        host=socket.gethostname(),
        machine_id=_text("/etc/machine-id"),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_pid_namespace(),
    )


def this_process(*, instance_id: str | None = None, task: str | None = None) -> Holder:
    """This process, as a holder of leases.

    Args:
        instance_id: The EC2 instance that it runs on, where the ledger has it.
        task: The Airflow task that it is, with its try.
    """
    stat = read_stat(os.getpid())
    return Holder(
        machine=this_machine(),
        pid=os.getpid(),
        started=0 if stat is None else stat.started,
        instance_id=instance_id,
        task=task,
    )


def look_at(lease: Lease, *, instance_terminated: bool) -> Sighting:
    """What is to be seen of a lease's holder from here."""
    here = this_machine()
    stat = read_stat(lease.holder.pid)
    return Sighting(
        here=here,
        started=None if stat is None or stat.is_dead else stat.started,
        instance_terminated=instance_terminated,
        left_behind=len(marked_processes(LEASE_MARK, lease.name)),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _pid_namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
