"""Holding a lease: taken, renewed by a thread of its own, and given back.

Who could not renew it for as long as it lasts has lost it, whatever the database would say if it could be asked: from
then on `require` refuses, and the work is ended by whoever was told (`on_lost`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from janitor.domain.errors import DatabaseError, JanitorError, LeaseHeldError, LeaseLostError
from janitor.domain.workspace.holder import Holder, Judgement, judge
from janitor.domain.workspace.lease import RENEWALS_PER_LIFE, TIME_TO_LIVE, Lease, LeaseState, Subject
from janitor.guest.processes.marked import end_marked
from janitor.services.workspaces.machine import LEASE_MARK, look_at
from janitor.stores import workspaces as store
from janitor.stores.database import Connection, transaction

_END_LIMIT = timedelta(seconds=10)
_SHORTEST_ANSWER = timedelta(seconds=2)
"""libpq takes no less to connect."""


class HeldLease:
    """A lease of this process, for as long as it is renewed."""

    def __init__(
        self, database_url: str, lease: Lease, *, ttl: timedelta, asked_at: float, on_lost: Callable[[], None] | None
    ) -> None:
        self.lease = lease
        self._database_url = database_url
        self._ttl = ttl
        self._patience = max(ttl / RENEWALS_PER_LIFE, _SHORTEST_ANSWER)
        self._on_lost = on_lost
        # From before the database was asked: its clock can only have begun later.
        self._renewed_at = asked_at
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_the_end, name="lease", daemon=True)
        self._thread.start()

    @property
    def is_lost(self) -> bool:
        """Whether it wasn't renewed in time, or was taken."""
        if time.monotonic() - self._renewed_at >= self._ttl.total_seconds():
            self._lost.set()
        return self._lost.is_set()

    def require(self) -> None:
        """Go on only while the lease holds, as far as this process knows; the database knows best (`effect`).

        Raises:
            LeaseLostError: It is lost.
        """
        if self.is_lost:
            raise LeaseLostError(self.lease)

    @contextmanager
    def effect(self) -> Iterator[Connection]:
        """One transaction in which the lease can't be lost: what is written in it is written by its holder.

        Raises:
            LeaseLostError: It is lost; nothing was written.
            DatabaseError: The database can't be asked.
        """
        self.require()
        with transaction(self._database_url) as connection:
            store.require_held(connection, self.lease)
            yield connection

    def end(self) -> None:
        """Give the lease back.

        Raises:
            LeaseLostError: It was lost.
            DatabaseError: The database can't be asked; the lease runs out by itself.
        """
        self.stop_renewing()
        with transaction(self._database_url) as connection:
            store.release(connection, self.lease)

    def stop_renewing(self) -> None:
        """Let the lease run out."""
        self._stopping.set()
        self._thread.join(_END_LIMIT.total_seconds())

    def _renew_until_the_end(self) -> None:
        pause = self._ttl.total_seconds() / RENEWALS_PER_LIFE
        while not self._stopping.wait(pause) and not self.is_lost:
            asked_at = time.monotonic()
            try:
                with transaction(self._database_url, within=self._patience) as connection:
                    store.renew(connection, self.lease, ttl=self._ttl)
            except LeaseLostError:
                self._lost.set()
            except DatabaseError:
                continue  # tried again until the time is over
            else:
                self._renewed_at = asked_at
        if self.is_lost and not self._stopping.is_set() and self._on_lost is not None:
            self._on_lost()


def take(
    database_url: str,
    subject: Subject,
    holder: Holder,
    *,
    folder: str | None = None,
    ttl: timedelta = TIME_TO_LIVE,
    on_lost: Callable[[], None] | None = None,
) -> HeldLease:
    """Lease a run, or a repository within one. A dead holder's lease is taken at once, one whose time is over as well.

    Args:
        folder: Where the tree's folder will be made; None for a run.
        ttl: How long it holds without being renewed.
        on_lost: Called from another thread once the lease is lost; it ends the work.

    Raises:
        LeaseHeldError: Somebody holds it who isn't provably dead.
        DatabaseError: The database can't be asked.
    """
    for _ in range(2):
        asked_at = time.monotonic()
        try:
            with transaction(database_url) as connection:
                lease = store.acquire(connection, subject, holder, ttl=ttl, folder=folder)
        except LeaseHeldError as exc:
            judgement = judge_holder(database_url, exc.lease, end_children=True)
            if not judgement.is_dead:
                raise LeaseHeldError(exc.lease, judgement.reason) from exc
            fence_off(database_url, exc.lease, why=judgement.reason, by=str(holder))
        else:
            return HeldLease(database_url, lease, ttl=ttl, asked_at=asked_at, on_lost=on_lost)
    with transaction(database_url) as connection:
        lease = store.acquire(connection, subject, holder, ttl=ttl, folder=folder)
    return HeldLease(database_url, lease, ttl=ttl, asked_at=asked_at, on_lost=on_lost)


@contextmanager
def run_lock(
    database_url: str,
    *,
    deployment: str,
    run_id: str,
    holder: Holder,
    ttl: timedelta = TIME_TO_LIVE,
    on_lost: Callable[[], None] | None = None,
) -> Iterator[HeldLease]:
    """Be the only process that carries out a run.

    Raises:
        LeaseHeldError: Another one does.
    """
    held = take(database_url, Subject(deployment=deployment, run_id=run_id), holder, ttl=ttl, on_lost=on_lost)
    try:
        yield held
    except BaseException:
        with contextlib.suppress(JanitorError):  # the cause is told, not that the lease could not be given back
            held.end()
        raise
    held.end()


def judge_holder(database_url: str, lease: Lease, *, end_children: bool = False) -> Judgement:
    """Whether the holder of a lease is provably dead, seen from here.

    Args:
        end_children: Where the holder itself is dead, end what it had started, which would go on writing.

    Raises:
        DatabaseError: The ledger can't be asked.
    """
    with transaction(database_url) as connection:
        terminated = store.instance_terminated(connection, lease)
    seen = look_at(lease, instance_terminated=terminated)
    if end_children and seen.left_behind and judge(lease.holder, replace(seen, left_behind=0)).is_dead:
        end_marked(LEASE_MARK, lease.name, within=_END_LIMIT)
        seen = look_at(lease, instance_terminated=terminated)
    return judge(lease.holder, seen)


def fence_off(database_url: str, lease: Lease, *, why: str, by: str) -> bool:
    """Take a lease from a dead holder.

    Returns:
        False where it has changed since it was read: then nothing was done.
    """
    with transaction(database_url) as connection:
        return store.end(connection, lease, state=LeaseState.FENCED, ended_by=f"{why}; by {by}"[:500])
