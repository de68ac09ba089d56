"""Leases of runs and working trees, inside a caller's transaction.

Invariant: `acquire` is the one way to a lease, and each write that has an effect is made after `require_held` in the
same transaction: a holder that lost its lease changes nothing. Instants are the database's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from janitor.domain.errors import LeaseHeldError, LeaseLostError
from janitor.domain.workspace.holder import Holder, Machine
from janitor.domain.workspace.lease import Lease, LeaseState, Subject
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries

_LONGEST_PAUSE = timedelta(seconds=10)
"""Between two statements of a transaction that has an effect; less than a statement may wait for a lock."""


def acquire(
    connection: Connection, subject: Subject, holder: Holder, *, ttl: timedelta, folder: str | None = None
) -> Lease:
    """Lease a run, or a repository within one; a lease whose time is over is taken over.

    Args:
        ttl: From now until the lease must have been renewed.
        folder: Where the tree's folder will be made; None for a run.

    Raises:
        LeaseHeldError: Somebody else holds it.
    """
    queries = named_queries()
    key = {"deployment": subject.deployment, "run_id": subject.run_id, "workspace_key": subject.workspace_key}
    queries.take_lease_turn(connection, **key)
    found = queries.held_workspace_lease(connection, **key)
    if found is not None:
        held = lease_from(found)
        if not found["is_over"]:
            raise LeaseHeldError(held)
        end(connection, held, state=LeaseState.QUARANTINED, ended_by=f"its time was over; taken over by {holder}"[:500])
    row = queries.insert_workspace_lease(
        connection,
        **key,
        lease_id=uuid4(),
        kind=subject.kind.value,
        folder=folder,
        host=holder.machine.host,
        machine_id=holder.machine.machine_id,
        boot_id=holder.machine.boot_id,
        pid_namespace=holder.machine.pid_namespace,
        pid=holder.pid,
        pid_started=holder.started,
        instance_id=holder.instance_id,
        task=holder.task,
        ttl=ttl,
    )
    return lease_from(one(row, what=f"the lease of {subject}"))


def renew(connection: Connection, lease: Lease, *, ttl: timedelta) -> None:
    """Hold on to a lease.

    Raises:
        LeaseLostError: It has ended, or its time is over.
    """
    if not named_queries().renew_workspace_lease(connection, lease_id=lease.lease_id, fence=lease.fence, ttl=ttl):
        raise LeaseLostError(lease)


def require_held(connection: Connection, lease: Lease) -> None:
    """Make sure of a lease until the transaction ends; before each write that has an effect.

    Raises:
        LeaseLostError: It has ended, or its time is over.
    """
    queries = named_queries()
    queries.bound_idle_in_transaction(connection, milliseconds=str(int(_LONGEST_PAUSE.total_seconds() * 1000)))
    if not queries.hold_workspace_lease(connection, lease_id=lease.lease_id, fence=lease.fence):
        raise LeaseLostError(lease)


def release(connection: Connection, lease: Lease) -> None:
    """Give a lease back.

    Raises:
        LeaseLostError: It has ended, or its time is over.
    """
    released = named_queries().release_workspace_lease(
        connection, lease_id=lease.lease_id, fence=lease.fence, ended_by=str(lease.holder)[:500]
    )
    if not released:
        raise LeaseLostError(lease)


def end(connection: Connection, lease: Lease, *, state: LeaseState, ended_by: str) -> bool:
    """Take a lease from a holder, if nothing has changed since it was read.

    Returns:
        Whether it was taken.
    """
    changed: int = named_queries().end_workspace_lease(
        connection,
        lease_id=lease.lease_id,
        fence=lease.fence,
        seen_state=lease.state.value,
        seen_renewed_at=lease.renewed_at,
        state=state.value,
        ended_by=ended_by,
    )
    return changed == 1


def keep_patch(connection: Connection, lease: Lease, *, path: str, sha256: str) -> None:
    """Say where the work of a tree is kept."""
    named_queries().keep_workspace_patch(
        connection, lease_id=lease.lease_id, fence=lease.fence, patch_path=path, patch_sha256=sha256
    )


def tree_removed(connection: Connection, lease: Lease) -> None:
    """Say that a tree is gone; a second time changes nothing."""
    named_queries().workspace_tree_removed(connection, lease_id=lease.lease_id, fence=lease.fence)


def open_leases(connection: Connection, deployment: str) -> list[tuple[Lease, datetime]]:
    """Leases that are held or whose tree isn't known to be gone, the oldest first, each with the present instant."""
    rows = named_queries().open_workspace_leases(connection, deployment=deployment)
    return [(lease_from(row), row["looked_at"]) for row in rows]


def find(connection: Connection, deployment: str, lease_id: UUID) -> tuple[Lease, datetime] | None:
    """A lease with the present instant; None where there is none of this id."""
    row = named_queries().workspace_lease(connection, deployment=deployment, lease_id=lease_id)
    return None if row is None else (lease_from(row), row["looked_at"])


def known_paths(connection: Connection, paths: Iterable[str]) -> frozenset[str]:
    """Those that are the path of a lease, whichever deployment's."""
    rows = named_queries().known_workspace_paths(connection, paths=list(paths))
    return frozenset(row["path"] for row in rows)


def instance_terminated(connection: Connection, lease: Lease) -> bool:
    """Whether the ledger says that the machine of a lease's holder is terminated."""
    if lease.holder.instance_id is None:
        return False
    return bool(
        named_queries().instance_is_terminated(
            connection, deployment=lease.subject.deployment, instance_id=lease.holder.instance_id
        )
    )


def lease_from(row: Mapping[str, Any]) -> Lease:
    """A lease of a row."""
    machine = Machine(
        host=row["holder_host"],
        machine_id=row["machine_id"],
        boot_id=row["boot_id"],
        pid_namespace=row["pid_namespace"],
    )
    return Lease(
        lease_id=row["lease_id"],
        fence=row["fence"],
        subject=Subject(deployment=row["deployment"], run_id=row["run_id"], workspace_key=row["workspace_key"]),
        holder=Holder(
            machine=machine,
            pid=row["pid"],
            started=row["pid_started"],
            instance_id=row["instance_id"],
            task=row["task"],
        ),
        path=row["path"],
        state=LeaseState(row["state"]),
        acquired_at=row["acquired_at"],
        renewed_at=row["renewed_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
        tree_removed_at=row["tree_removed_at"],
        patch_path=row["patch_path"],
    )
