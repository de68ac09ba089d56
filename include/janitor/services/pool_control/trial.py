"""A worker from its launch to its end, as a trial: that it starts, takes an order and a task, and is gone again.

It is a worker of its pool by every rule, in the ledger and in the budget, but for its lifetime, which is short: who
dies in the middle of this leaves nothing that lives for long.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import CloudError, ConflictError, DatabaseError, NotFoundError, StackError
from janitor.domain.pool.pool import Pool, Provider
from janitor.domain.pool.states import TaskKind, TaskState, WorkerEnd, WorkerState
from janitor.services.pool.between import make_ready
from janitor.services.pool.ending import end_worker
from janitor.services.pool.known import Known, known_pools
from janitor.services.pool.spawn import advance_spawn, is_without_machine, request_worker
from janitor.services.pool_control.connection import Tried, tried
from janitor.services.pool_control.naming import pool_named
from janitor.services.pool_control.probes import queue_probe
from janitor.services.provider import provider_named
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import WorkerRecord, owner_of_worker

_AFTER_START = timedelta(minutes=10)
"""How long its machine may live beyond the time in which it has to start."""
_GONE_WITHIN = timedelta(minutes=3)
_LOOK_EVERY = timedelta(seconds=1)
_FIRST = 1_000_000
"""Priority of the trial's probe: what else waits comes after it."""
_WHY = "the trial of a worker is over"


def try_worker(settings: Settings, name: str | None) -> Iterator[Tried]:
    """Launch a worker of a pool, have it take an order and a probe, end it and see that it is gone.

    Each part is told as it is tried; the end is tried whatever came before it.

    Raises:
        NotFoundError: There is no such pool.
        ConflictError: Several could be meant, or its workers are started by hand.
        BudgetRefusedError: There is no money for it.
        DatabaseError: Postgres can't be used.
    """
    found = pool_named(settings, name)
    known = known_pools(settings)
    configured = known.pools.get(found)
    if configured is None:
        raise NotFoundError(f"pool {found} is in no configuration any more")
    if configured.provider is Provider.LOCAL:
        raise ConflictError(f"workers of pool {found} are started by hand: `janitor pool worker`")
    pool = replace(configured, max_lifetime=configured.spawn_timeout + _AFTER_START)
    trial = _Trial(settings, pool, known, request_worker(settings, pool, known))
    try:
        for part, attempt in (("worker starts", trial.start), ("worker takes a probe", trial.probe)):
            outcome = tried(part, attempt)
            yield outcome
            if not outcome.is_well:
                break
    finally:
        ended = tried("worker is gone", trial.end)
    yield ended


class _Trial:
    def __init__(self, settings: Settings, pool: Pool, known: Known, worker_id: UUID) -> None:
        self._settings, self._pool, self._known = settings, pool, known
        self.worker_id = worker_id

    def start(self) -> str:
        """Until it took an order and answered.

        Raises:
            StackError: It didn't in time, or is over.
        """
        began = time.monotonic()
        give_up_at = began + self._pool.spawn_timeout.total_seconds()
        while True:
            worker = self._look()
            if worker.state is WorkerState.READY or worker.tasks_done or worker.task is not None:
                took = time.monotonic() - began
                return f"worker {worker.worker_id} ({worker.instance_id}) took an order {took:.0f} s after its request"
            if worker.over_since is not None or worker.end_wanted is not None:
                end = worker.end_reason or worker.end_wanted
                raise StackError(f"worker {worker.worker_id} is over: {end.value if end else worker.state.value}")
            if time.monotonic() >= give_up_at:
                raise StackError(
                    f"worker {worker.worker_id} ({worker.instance_id or 'no machine'}) took no order within"
                    f" {self._pool.spawn_timeout.total_seconds():.0f} s, the pool's spawn_timeout"
                )
            if is_without_machine(worker):
                advance_spawn(self._settings, self._pool, self._known, self.worker_id)
            else:
                self._ready()
            time.sleep(_LOOK_EVERY.total_seconds())

    def _ready(self) -> None:
        # Its agent isn't there yet, or the API is busy: it is asked again until its time is over.
        with contextlib.suppress(CloudError):
            make_ready(self._settings, self.worker_id)

    def probe(self) -> str:
        """Have it claim a probe, and from then on nothing more.

        Raises:
            StackError: It was given something else, or nothing.
        """
        with transaction(self._settings.writer_url) as connection:
            task_id = queue_probe(connection, self._settings, self._pool.name, priority=_FIRST)
            claim = tasks.claim(connection, self.worker_id, lease=timedelta(minutes=1))
            if claim is None or claim.kind is not TaskKind.PROBE:
                raise StackError(f"worker {self.worker_id} wasn't given the probe {task_id}: a pass was faster")
            tasks.finish(connection, claim.held, TaskState.DONE, {"by": "trial"})
            workers.drain(
                connection, self.worker_id, WorkerEnd.OPERATOR, why=_WHY, within=_GONE_WITHIN, only_idle=False
            )
        return f"it claimed probe {claim.held.task_id} under fence {claim.held.fence}"

    def end(self) -> str:
        """End it, and see that nothing of it lives.

        Raises:
            CloudError: Something does.
        """
        give_up_at = time.monotonic() + _GONE_WITHIN.total_seconds()
        while not end_worker(self._settings, self.worker_id, WorkerEnd.OPERATOR, _WHY, timeout=_GONE_WITHIN):
            if time.monotonic() >= give_up_at:
                break
            time.sleep(_LOOK_EVERY.total_seconds())
        owner = owner_of_worker(self.worker_id)
        seen = provider_named(self._settings, self._pool.provider).find(owner.tag, str(owner.id))
        left = [one.instance_id for one in seen if one.owner == owner]
        if left:
            raise CloudError(f"{', '.join(left)} of worker {self.worker_id} still lives; a pass goes on")
        return f"{self._pool.provider.value} shows nothing of worker {self.worker_id} any more"

    def _look(self) -> WorkerRecord:
        with transaction(self._settings.writer_url) as connection:
            worker = workers.get(connection, self.worker_id)
        if worker is None:
            raise DatabaseError(f"worker {self.worker_id} has no row any more")
        return worker
