"""Ends the process of a run from outside: it is asked first, then its process group is killed, and a sweep follows."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.errors import LeaseHeldError, NotFoundError
from janitor.domain.workspace.lease import Lease, LeaseKind, LeaseState
from janitor.guest.processes.proc_stat import read_stat
from janitor.services.maintenance.sweeping import MaintenanceSweep, sweep_all
from janitor.services.workspaces.leasing import judge_holder
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.stores import workspaces as store
from janitor.stores.database import transaction

TERM_LIMIT = timedelta(seconds=30)
"""How long a run may take to give back what it holds: a git or an experiment that is under way is ended first."""
_LOOK_EVERY = timedelta(seconds=0.1)


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """How a run was ended."""

    run_id: str
    pid: int
    killed: bool
    """It didn't end by itself in time."""
    sweep: MaintenanceSweep


def stop_run(manager: WorkspaceManager, run_id: str, *, limit: timedelta = TERM_LIMIT) -> Stopped:
    """End the process of a run on this machine, and everything that it holds.

    Raises:
        NotFoundError: No process carries out such a run.
        LeaseHeldError: It runs on another machine, where it can be stopped.
        DatabaseError: Postgres can't be used.
    """
    lease = _lease_of(manager, run_id)
    judgement = judge_holder(manager.database_url, lease)
    holder = lease.holder
    if not judgement.is_dead:
        if not manager.holder.machine.is_same_view(holder.machine):
            raise LeaseHeldError(lease, judgement.reason)
        _signal(holder.pid, holder.started, signal.SIGTERM, group=False)
    killed = not _wait_until_gone(holder.pid, holder.started, limit)
    if killed:
        _signal(holder.pid, holder.started, signal.SIGKILL, group=True)
        _wait_until_gone(holder.pid, holder.started, limit)
    return Stopped(run_id=run_id, pid=holder.pid, killed=killed, sweep=sweep_all(manager))


def _lease_of(manager: WorkspaceManager, run_id: str) -> Lease:
    with transaction(manager.database_url) as connection:
        found = store.open_leases(connection, manager.deployment)
    held = [lease for lease, _ in found if lease.state is LeaseState.HELD and lease.subject.kind is LeaseKind.RUN]
    for lease in held:
        if lease.subject.run_id == run_id:
            return lease
    # A shard's lease has the shard's name, `run/organization/name/signature`.
    runs = sorted({lease.subject.run_id for lease in held if "/" not in lease.subject.run_id})
    raise NotFoundError(f"no process carries out run {run_id}; those at work: {', '.join(runs) or 'none'}")


def _is_it(pid: int, started: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and not stat.is_dead and stat.started == started


def _wait_until_gone(pid: int, started: int, limit: timedelta) -> bool:
    deadline = time.monotonic() + limit.total_seconds()
    while _is_it(pid, started):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY.total_seconds())
    return True


def _signal(pid: int, started: int, number: signal.Signals, *, group: bool) -> None:
    """Send a signal to that very process; with `group`, to its group where it leads one."""
    if not _is_it(pid, started):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group and os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
