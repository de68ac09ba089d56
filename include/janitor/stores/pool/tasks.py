"""Tasks of a pool: queued, claimed for a worker under a fence and a lease, and ended.

Invariant: `claim` is the one way to a task, and whoever has it changes it only with its fence and before its lease is
over; False from such a call means that somebody else may have the task, and that the caller has to stop. Instants are
the database's. A task's row is locked before its worker's; only the claim goes the other way, and waits for no task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.pool.states import TaskKind, TaskState, WorkerEnd, WorkerState
from janitor.domain.pool.view import Waiting
from janitor.stores.database import Connection, one
from janitor.stores.pool import workers
from janitor.stores.pool.records import Claim, EndedLease, EndedTask, Held, NewTask, TaskRecord, held_from
from janitor.stores.queries import named_queries

POISON = "poison"
"""Why a task failed that was lost as often as one may be."""
CANCELLED = "cancelled"


def enqueue(connection: Connection, task: NewTask) -> UUID:
    """Queue a task. The same validation again: the task that is open for it, whatever was asked now.

    Returns:
        The task's id.

    Raises:
        DatabaseError: Its validation's task ended in this very moment; ask again.
    """
    queries = named_queries()
    queued: UUID | None = queries.enqueue_task(
        connection,
        task_id=task.task_id,
        deployment=task.deployment,
        pool=task.pool,
        kind=task.kind.value,
        validation_id=task.validation_id,
        spec=Jsonb(dict(task.spec)),
        trust_domain=task.trust_domain,
        requires=Jsonb(dict(task.requires)),
        priority=task.priority,
        max_attempts=task.max_attempts,
        time_limit=task.time_limit,
        not_before=task.not_before,
    )
    if queued is not None:
        return queued
    if task.validation_id is None:
        return task.task_id
    found = one(
        queries.task_of_validation(connection, validation_id=task.validation_id),
        what=f"the task of validation {task.validation_id}",
    )
    open_task: UUID = found["task_id"]
    return open_task


def claim(connection: Connection, worker_id: UUID, *, lease: timedelta) -> Claim | None:
    """Claim the next task that a worker may have, and make the worker busy; one statement.

    Args:
        lease: From now until it must have been renewed.

    Returns:
        None: nothing waits that it may have, or it isn't ready.
    """
    row = named_queries().claim_task(connection, worker_id=worker_id, lease=lease)
    if row is None:
        return None
    return Claim(
        held=Held(task_id=row["task_id"], worker_id=worker_id, fence=row["fence"]),
        kind=TaskKind(row["kind"]),
        validation_id=row["validation_id"],
        spec=row["spec"],
        attempt=row["attempts"],
        lease_until=row["lease_until"],
        deadline_at=row["deadline_at"],
    )


def renew(connection: Connection, held: Held, lease: timedelta) -> bool:
    """Hold on to a task for `lease` from now on. False: it is held no more; stop."""
    return bool(named_queries().renew_task(connection, **_key(held), lease=lease))


def begin(connection: Connection, held: Held) -> bool:
    """Keep that its worker works on it; saying so again is progress. False: it is held no more; stop."""
    return bool(named_queries().progress_task(connection, **_key(held)))


def keep_progress(connection: Connection, held: Held) -> bool:
    """Keep that the work goes on; the first time it begins. False: it is held no more; stop."""
    return begin(connection, held)


def finish(
    connection: Connection,
    held: Held,
    state: TaskState,
    result: Mapping[str, Any] | None = None,
    *,
    reason_code: str | None = None,
) -> bool:
    """End a task. Its worker stays busy until it was cleaned and is moved on.

    Args:
        state: A final one.
        result: What its worker says of it.
        reason_code: Why it failed; needed then.

    Returns:
        False: it is held no more, and nothing was changed; stop.

    Raises:
        ValueError: The state isn't final, or a failure has no reason.
    """
    if not state.is_final or (state is TaskState.FAILED and reason_code is None):
        raise ValueError(f"a task doesn't end as {state.value} for {reason_code}")
    return bool(
        named_queries().finish_task(
            connection,
            **_key(held),
            state=state.value,
            result=Jsonb(dict(result)) if result is not None else None,
            reason_code=reason_code,
        )
    )


def give_back(connection: Connection, held: Held, *, is_blamed: bool) -> bool:
    """Give a task back. Its worker stays busy until it is moved on.

    Args:
        is_blamed: Whether the attempt counts: a task that ends its worker is poison. That its machine was taken away
            is not its fault.

    Returns:
        False: it is held no more, and nothing was changed.
    """
    return named_queries().give_back_task(connection, **_key(held), is_blamed=is_blamed) is not None


def expire_leases(connection: Connection, deployment: str) -> list[EndedLease]:
    """Take the tasks whose lease is over from their workers, which count as lost then.

    A task is queued again; one that was lost as often as it may be is poison.
    """
    queries = named_queries()
    ended: list[EndedLease] = []
    for row in list(queries.tasks_with_lease_over(connection, deployment=deployment)):
        held = Held(task_id=row["task_id"], worker_id=row["worker_id"], fence=row["fence"])
        after = queries.expire_lease(connection, task_id=held.task_id)
        workers.move(connection, held.worker_id, WorkerState.LOST, end=WorkerEnd.LOST)
        ended.append(EndedLease(held=held, state=TaskState(after["state"]), attempts=after["attempts"]))
    return ended


def expire_waiting(connection: Connection, deployment: str) -> list[UUID]:
    """End the tasks that were given back and whose hard limit passed before anybody had them again."""
    return [row["task_id"] for row in named_queries().expire_waiting_tasks(connection, deployment=deployment)]


def cancel_of_validation(
    connection: Connection, validation_id: UUID, state: TaskState = TaskState.CANCELLED
) -> EndedTask | None:
    """End a validation's open task; None where it has none.

    Args:
        state: `done` where the validation got its end another way.
    """
    rows = named_queries().lock_open_tasks_of_validation(connection, validation_id=validation_id)
    return next(iter(_end(connection, rows, state)), None)


def cancel(connection: Connection, task_id: UUID) -> EndedTask | None:
    """Cancel a task; None where it isn't open."""
    return next(iter(_end(connection, named_queries().lock_open_task(connection, task_id=task_id))), None)


def _end(
    connection: Connection, rows: Iterable[Mapping[str, Any]], state: TaskState = TaskState.CANCELLED
) -> list[EndedTask]:
    found = [EndedTask(task_id=row["task_id"], held=held_from(row)) for row in rows]
    if not found:
        return []
    queries = named_queries()
    queries.end_open_tasks(
        connection,
        task_ids=[each.task_id for each in found],
        state=state.value,
        reason_code=CANCELLED if state is TaskState.CANCELLED else None,
    )
    queries.count_task_ends(connection, worker_ids=[each.held.worker_id for each in found if each.held is not None])
    return found


def get(connection: Connection, task_id: UUID) -> TaskRecord | None:
    """A task; None where there is none of this id."""
    row = named_queries().task(connection, task_id=task_id)
    return TaskRecord.from_row(row) if row is not None else None


def of_validation(connection: Connection, validation_id: UUID) -> TaskRecord | None:
    """A validation's open task, or else its last; None where it never had one."""
    row = named_queries().task_of_validation(connection, validation_id=validation_id)
    return TaskRecord.from_row(row) if row is not None else None


def given_to(connection: Connection, worker_id: UUID) -> tuple[int, UUID | None]:
    """How many tasks a worker was given, also those that it gave back, and the validation of the last."""
    row = named_queries().tasks_given_to_worker(connection, worker_id=worker_id)
    return row["given"], row["last_validation_id"]


def open_tasks(connection: Connection, deployment: str, pool: str | None = None) -> list[TaskRecord]:
    """Tasks without an end, in the order in which they are claimed; of every pool where none is named."""
    rows = named_queries().open_tasks(connection, deployment=deployment, pool=pool)
    return [TaskRecord.from_row(row) for row in rows]


def ended_tasks(connection: Connection, deployment: str, pool: str | None = None, *, count: int) -> list[TaskRecord]:
    """The tasks that ended last, the last one first; of every pool where none is named."""
    rows = named_queries().ended_tasks(connection, deployment=deployment, pool=pool, count=count)
    return [TaskRecord.from_row(row) for row in rows]


def waiting(connection: Connection, deployment: str, pool: str) -> list[Waiting]:
    """What waits in a pool and could be claimed now, by trust domain, the longest wait first."""
    return [
        Waiting(
            trust_domain=row["trust_domain"],
            count=row["number"],
            oldest_at=row["oldest_at"],
            shortest=max(row["shortest"], timedelta()),
        )
        for row in named_queries().waiting_tasks(connection, deployment=deployment, pool=pool)
    ]


def _key(held: Held) -> dict[str, Any]:
    return {"task_id": held.task_id, "worker_id": held.worker_id, "fence": held.fence}
