"""A worker on a host that is trusted with the database: it claims for itself, by a role that can do nothing else.

Invariant: what it does under a claim ends when it can't hold that any more. It renews by thirds of the lease; once the
database refuses, or hasn't answered for a whole lease, the work is stopped, its outcome is nobody's, and the worker
ends itself: somebody else may have the task by then. Its identity is new with each start.

It serves probes alone. A validation needs what only the control side may do (its secrets, its report's believer), so
one that is queued for such a worker is ended as failed, with these words.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from janitor.domain.errors import ConflictError, DatabaseError, StackError
from janitor.domain.pool.states import TaskKind, WorkerState
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import hosts
from janitor.stores.pool.hosts import HostClaim

LEASE = timedelta(seconds=60)
_BEATS_PER_LEASE = 3
_LONGEST_PROBE = timedelta(minutes=10)
_NO_VALIDATIONS = "a worker of `janitor pool worker` carries out probes alone; give its pool another provider"
_WORKS = (WorkerState.READY, WorkerState.BUSY)


@dataclass(kw_only=True)
class Served:
    """What a worker did, from its start to its end."""

    worker_id: UUID
    tasks_done: int = 0
    why: str = ""
    """Why it ended."""
    words: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Told of each thing."""


def serve(
    settings: Settings,
    pool: str,
    leaving: threading.Event,
    words: Callable[[str], None],
    *,
    lease: timedelta = LEASE,
    most_tasks: int | None = None,
) -> Served:
    """Serve a pool until told to leave, by the event or by the database; what is at work is finished first.

    Args:
        settings: With the database URL of the role that claims.
        pool: Its name.
        leaving: Set to have it leave.
        words: Told of each thing.
        lease: Of a task.
        most_tasks: Leave after so many.

    Raises:
        SettingsError: No URL of that role is set.
        DatabaseError: Postgres can't be used at the start.
        ConflictError: It was ended by somebody else.
        StackError: Its task was taken from it.
    """
    worker = _Worker(settings, pool, leaving, lease, Served(worker_id=uuid4(), words=words))
    worker.register()
    worker.serve(most_tasks)
    return worker.served


class _Worker:
    def __init__(
        self, settings: Settings, pool: str, leaving: threading.Event, lease: timedelta, served: Served
    ) -> None:
        self._url = settings.worker_url
        self._deployment, self._pool = settings.deployment, pool
        self._leaving, self._lease = leaving, lease
        self.served = served

    def register(self) -> None:
        """Become known, ready for tasks."""
        with transaction(self._url, application_name="janitor-pool-worker") as connection:
            offers = {"provider": "local", "python": platform.python_version()}
            hosts.register(connection, self.served.worker_id, self._deployment, self._pool, offers)
        self.served.words(f"worker {self.served.worker_id} serves pool {self._pool}")

    def serve(self, most_tasks: int | None) -> None:
        """One task after another, until somebody says that it is enough."""
        while True:
            state = self._beat()
            if state is WorkerState.DRAINING:
                return self._leave("it was drained")
            if self._leaving.is_set():
                return self._leave("it was told to leave")
            if most_tasks is not None and self.served.tasks_done >= most_tasks:
                return self._leave(f"it has done {most_tasks}")
            if state is not None and state not in _WORKS:
                raise ConflictError(f"worker {self.served.worker_id} is {state.value}: somebody ended it")
            claim = None if state is None else self._claim()
            if claim is None:
                self._leaving.wait(self._pause.total_seconds())
            else:
                self._carry_out(claim)

    @property
    def _pause(self) -> timedelta:
        return min(self._lease / _BEATS_PER_LEASE, timedelta(seconds=2))

    def _beat(self) -> WorkerState | None:
        """Its state; None: the database doesn't answer, and it is asked again. Whoever has no task can wait."""
        try:
            with transaction(self._url, application_name="janitor-pool-worker", within=self._lease) as connection:
                state = hosts.beat(connection, self.served.worker_id, self._deployment, self._pool)
        except DatabaseError as exc:
            self.served.words(f"the database doesn't answer, it is asked again: {exc}")
            return None
        if state is None:
            raise ConflictError(f"worker {self.served.worker_id} isn't known in deployment {self._deployment}")
        return state

    def _claim(self) -> HostClaim | None:
        try:
            with transaction(self._url, application_name="janitor-pool-worker", within=self._lease) as connection:
                return hosts.claim(connection, self.served.worker_id, self._lease)
        except DatabaseError as exc:
            self.served.words(f"nothing is claimed now: {exc}")
            return None

    def _leave(self, why: str) -> None:
        with transaction(self._url, application_name="janitor-pool-worker") as connection:
            hosts.leave(connection, self.served.worker_id, self._deployment, self._pool)
        self.served.why = why
        self.served.words(f"worker {self.served.worker_id} has left: {why}")

    def _carry_out(self, claim: HostClaim) -> None:
        """Work in a thread, and hold the claim in this one.

        Raises:
            StackError: The claim couldn't be held: the work was stopped, and is nobody's.
        """
        self.served.words(f"task {claim.held.task_id} ({claim.kind.value}) under fence {claim.held.fence}")
        stop, answers = threading.Event(), _Answer()
        work = threading.Thread(target=answers.of, args=(claim, stop), name="task", daemon=True)
        held_until = time.monotonic() + self._lease.total_seconds()
        work.start()
        pause = timedelta()  # that it has begun is said at once
        while True:
            work.join(pause.total_seconds())
            pause = self._lease / _BEATS_PER_LEASE
            is_over = not work.is_alive()
            try:
                if self._held(claim, answers, is_over=is_over):
                    held_until = time.monotonic() + self._lease.total_seconds()
                    if is_over:
                        break
                    continue
                why = "it is somebody else's by now"
            except DatabaseError as exc:
                self.served.words(f"can't hold task {claim.held.task_id} now, it is tried again: {exc}")
                if time.monotonic() < held_until:
                    continue
                why = f"the database hasn't answered for {self._lease.total_seconds():g} s, its whole lease"
            stop.set()
            raise StackError(
                f"worker {self.served.worker_id} stops: task {claim.held.task_id} can't be held: {why}. Start it again"
            )
        self.served.tasks_done += 1
        self.served.words(f"task {claim.held.task_id} is {'done' if answers.is_done else 'failed'}")

    def _held(self, claim: HostClaim, answer: _Answer, *, is_over: bool) -> bool:
        """Renew, or finish what is over."""
        with transaction(
            self._url, application_name="janitor-pool-worker", within=self._lease / _BEATS_PER_LEASE
        ) as connection:
            if is_over:
                return hosts.finish(connection, claim.held, is_done=answer.is_done, answer=answer.said)
            return hosts.renew(connection, claim.held, self._lease) and hosts.progress(connection, claim.held)


class _Answer:
    """What becomes of a task."""

    def __init__(self) -> None:
        self.is_done = False
        self.said: Mapping[str, Any] = {"error": "it ended without a word"}

    def of(self, claim: HostClaim, stop: threading.Event) -> None:
        """Carry a task out, until told to stop."""
        if claim.kind is not TaskKind.PROBE:
            self.said = {"error": _NO_VALIDATIONS}
            return
        seconds = claim.spec.get("seconds", 0)
        wanted = timedelta(seconds=seconds) if isinstance(seconds, int | float) else timedelta()
        stop.wait(min(wanted, _LONGEST_PROBE).total_seconds())
        self.said = {"python": platform.python_version(), "system": platform.system()}
        self.is_done = not stop.is_set()
