"""Ending a worker: its end is wanted first, its task is given back, its machine goes through the ledger as every other.

A worker is terminated when its provider has said so, and not before.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import CloudError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.endings import termination_reason_of
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.services.ending.terminate import end_scope, scope_of
from janitor.services.pool.give_back import give_back
from janitor.services.pool.release import Leaving
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import workers
from janitor.stores.pool.records import WorkerRecord, owner_of_worker

log = LineLogger(__name__)

_OVER = (WorkerState.LOST, WorkerState.QUARANTINED, WorkerState.TERMINATING)


def is_to_be_ended(worker: WorkerRecord) -> bool:
    """Whether nothing comes of it any more, and it has no end yet."""
    return worker.state in _OVER


def end_worker(
    settings: Settings, worker_id: UUID, end: WorkerEnd, why: str, *, timeout: timedelta = timedelta()
) -> bool:
    """End a worker, or go on with that; a task that it has is given back first.

    Args:
        settings: Of the environment.
        worker_id: Which.
        end: Why; the first reason stays.
        why: In words, for the ledger.
        timeout: How long it is waited for that its machine is gone.

    Returns:
        Whether it has ended, by its provider's word.

    Raises:
        CloudError: The provider can't be asked, or refuses.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        worker = workers.get(connection, worker_id)
        if worker is None or worker.ended_at is not None:
            return True
        # First of all: nothing is claimed for it any more, and whoever finds this half done goes on.
        workers.want_end(connection, worker_id, end)
        if _never_launched(connection, worker):
            log.info("worker %s is given up before it had a machine: %s", worker_id, why)
            return workers.move(connection, worker_id, WorkerState.FAILED, end=end)
    with transaction(settings.writer_url) as connection:
        worker = workers.get(connection, worker_id) or worker
        if worker.held is not None:
            give_back(connection, worker.held, Leaving.LOST if end is WorkerEnd.LOST else Leaving.UNCLEAN)
        workers.move(connection, worker_id, WorkerState.TERMINATING, end=end)
    if worker.provider is not Provider.LOCAL and not _end_machine(settings, worker, end, why, timeout):
        return False
    with transaction(settings.writer_url) as connection:
        return workers.move(connection, worker_id, WorkerState.TERMINATED)


def _never_launched(connection: Connection, worker: WorkerRecord) -> bool:
    """Whether the ledger says that there is nothing of it: an intent that is open may have a machine."""
    if worker.state not in (WorkerState.REQUESTED, WorkerState.SPAWNING) or worker.provider is Provider.LOCAL:
        return False
    rows = ledger.generations_of(connection, owner_of_worker(worker.worker_id))
    return not any(row.state.is_live or row.instance_id is not None for row in rows)


def _end_machine(settings: Settings, worker: WorkerRecord, end: WorkerEnd, why: str, timeout: timedelta) -> bool:
    reason = termination_reason_of(worker.end_reason or worker.end_wanted or end)
    ending = end_scope(settings, scope_of(owner_of_worker(worker.worker_id)), reason, timeout=timeout, detail=why[:500])
    for instance_id, word in ending.refused.items():
        raise CloudError(f"worker {worker.worker_id}: {instance_id} can't be ended: {word}")
    if ending.kept:
        log.info("a debug lease keeps %s of worker %s", ", ".join(ending.kept), worker.worker_id)
    return not ending.left and not ending.kept
