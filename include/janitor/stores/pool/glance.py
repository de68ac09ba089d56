"""Pools as people see them: each question by an index, or within a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskKind, TaskState, WorkerEnd, WorkerState
from janitor.domain.snapshot.pool import PoolGlance, TaskGlance, WorkerGlance
from janitor.stores.database import Connection
from janitor.stores.pool import stops
from janitor.stores.queries import named_queries

_DECIDED_WITHIN = timedelta(days=1)


def pool_glances(connection: Connection, deployment: str, now: datetime) -> list[PoolGlance]:
    """The pools of which anything is to be told, by name.

    Args:
        now: In UTC; the costs are those of its date.
    """
    queries = named_queries()
    tasks = _tasks(connection, deployment, None, None)
    held = {each.worker_id: each for each in tasks if each.worker_id is not None}
    workers = [
        _worker(row, held) for row in queries.worker_glances(connection, deployment=deployment, pool=None, ended=None)
    ]
    stopped = {each.pool: each for each in stops.stopped(connection, deployment)}
    since = now - _DECIDED_WITHIN
    decided = {row["pool"]: row for row in queries.last_pool_decisions(connection, deployment=deployment, since=since)}
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    costs = {
        row["pool"]: row["cost_usd"]
        for row in queries.pool_costs_since(connection, deployment=deployment, since=midnight)
    }
    names = (
        {each.pool for each in tasks} | {each.pool for each in workers} | stopped.keys() | decided.keys() | costs.keys()
    )
    return [
        PoolGlance(
            name=name,
            workers=tuple(each for each in workers if each.pool == name),
            tasks=tuple(each for each in tasks if each.pool == name),
            stopped_at=stopped[name].stopped_at if name in stopped else None,
            stopped_by=stopped[name].stopped_by if name in stopped else None,
            decided_at=decided[name]["decided_at"] if name in decided else None,
            why=decided[name]["why"] if name in decided else None,
            cost_usd=costs.get(name, Decimal(0)),
        )
        for name in sorted(names)
    ]


def worker_glances(
    connection: Connection, deployment: str, pool: str | None = None, *, ended: int | None = None
) -> list[WorkerGlance]:
    """Workers, the live ones or the last `ended` that have ended; of every pool where none is named."""
    held = {each.worker_id: each for each in _tasks(connection, deployment, pool, None) if each.worker_id is not None}
    rows = named_queries().worker_glances(connection, deployment=deployment, pool=pool, ended=ended)
    return [_worker(row, held) for row in rows]


def task_glances(
    connection: Connection, deployment: str, pool: str | None = None, *, ended: int | None = None
) -> list[TaskGlance]:
    """Tasks, those without an end or the last `ended` that have one; of every pool where none is named."""
    return _tasks(connection, deployment, pool, ended)


def workers_named(connection: Connection, deployment: str, beginning: str) -> list[tuple[UUID, str]]:
    """The ids of the workers that a person may mean by the beginning of theirs or of their machine's, and in words."""
    rows = named_queries().workers_beginning_with(connection, deployment=deployment, beginning=beginning)
    return [
        (row["worker_id"], ", ".join(filter(None, (row["pool"], row["state"], row["instance_id"])))) for row in rows
    ]


def tasks_named(connection: Connection, deployment: str, beginning: str) -> list[tuple[UUID, str]]:
    """The ids of the tasks that a person may mean, and each in words."""
    rows = named_queries().tasks_beginning_with(connection, deployment=deployment, beginning=beginning)
    return [(row["task_id"], f"{row['pool']}, {row['state']}") for row in rows]


def _tasks(connection: Connection, deployment: str, pool: str | None, ended: int | None) -> list[TaskGlance]:
    rows = named_queries().task_glances(connection, deployment=deployment, pool=pool, ended=ended)
    return [
        TaskGlance(
            task_id=row["task_id"],
            pool=row["pool"],
            kind=TaskKind(row["kind"]),
            state=TaskState(row["state"]),
            repository=row["repository"],
            run_id=row["run_id"],
            validation_id=row["validation_id"],
            trust_domain=row["trust_domain"],
            attempts=row["attempts"],
            max_attempts=row["max_attempts"],
            queued_at=row["queued_at"],
            not_before=row["not_before"],
            worker_id=row["worker_id"],
            fence=row["fence"],
            claimed_at=row["claimed_at"],
            started_at=row["started_at"],
            lease_until=row["lease_until"],
            deadline_at=row["deadline_at"],
            last_progress_at=row["last_progress_at"],
            ended_at=row["ended_at"],
            reason_code=row["reason_code"],
        )
        for row in rows
    ]


def _worker(row: Mapping[str, Any], held: Mapping[UUID, TaskGlance]) -> WorkerGlance:
    return WorkerGlance(
        worker_id=row["worker_id"],
        pool=row["pool"],
        provider=Provider(row["provider"]),
        state=WorkerState(row["state"]),
        instance_id=row["instance_id"],
        instance_type=row["instance_type"],
        market=row["market"],
        requested_at=row["requested_at"],
        ready_at=row["ready_at"],
        last_alive_at=row["last_alive_at"],
        suspect_since=row["suspect_since"],
        last_task_ended_at=row["last_task_ended_at"],
        over_since=row["over_since"],
        ended_at=row["ended_at"],
        tasks_done=row["tasks_done"],
        trust_domain=row["trust_domain"],
        is_single_use=row["is_single_use"],
        drain_reason=row["drain_reason"],
        drain_deadline_at=row["drain_deadline_at"],
        end_wanted=WorkerEnd(row["end_wanted"]) if row["end_wanted"] else None,
        end_reason=WorkerEnd(row["end_reason"]) if row["end_reason"] else None,
        expires_at=row["expires_at"],
        keep_until=row["keep_until"],
        cost_usd=row["cost_usd"],
        task=held.get(row["worker_id"]),
    )
