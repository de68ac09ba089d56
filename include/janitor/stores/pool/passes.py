"""What a pass of the pool asks of the database beside workers and tasks, and its one place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.pool.pool import Provider
from janitor.stores.database import Connection, name_lock
from janitor.stores.pool.records import Held
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class Medians:
    """How long things took in a pool lately; None: nothing is known."""

    boot: timedelta | None
    task: timedelta | None


@contextmanager
def pass_lock(database_url: str, deployment: str) -> Iterator[bool]:
    """Hold the deployment's one place for a pass of its pools; yields whether it was free.

    Raises:
        DatabaseError: Postgres can't be reached.
    """
    with name_lock(database_url, f"janitor-pool/{deployment}", application_name="janitor-pool") as free:
        yield free


@contextmanager
def look_lock(database_url: str, worker_id: UUID) -> Iterator[bool]:
    """Hold the one place for a look at a worker's machine; yields whether it was free. Who asks twice gets no answer.

    Raises:
        DatabaseError: Postgres can't be reached.
    """
    with name_lock(database_url, f"janitor-worker/{worker_id}", application_name="janitor-pool") as free:
        yield free


def in_use(connection: Connection, deployment: str) -> dict[str, Provider | None]:
    """The pools with a live worker or an open task, and who their workers come from; None: they have none."""
    found: dict[str, Provider | None] = {}
    for row in named_queries().pools_in_use(connection, deployment=deployment):
        provider = Provider(row["provider"]) if row["provider"] else None
        found[row["pool"]] = provider or found.get(row["pool"])
    return found


def settled(connection: Connection, deployment: str) -> list[UUID]:
    """The validations that have an end, or whose run has, and an open task all the same."""
    return [row["validation_id"] for row in named_queries().settled_tasks(connection, deployment=deployment)]


def open_of_run(connection: Connection, run_id: UUID) -> list[UUID]:
    """The validations of a run with an open task."""
    return [row["validation_id"] for row in named_queries().open_tasks_of_run(connection, run_id=run_id)]


def assigned(connection: Connection, validation_ids: Sequence[UUID]) -> set[UUID]:
    """Those of validations that wait for a worker that need not wait any more."""
    rows = named_queries().assigned_validations(connection, validation_ids=list(validation_ids))
    return {row["validation_id"] for row in rows}


def queued(connection: Connection, deployment: str) -> int:
    """How many tasks wait, in all pools."""
    count: int = named_queries().count_queued_tasks(connection, deployment=deployment)
    return count


def runs_under_way(connection: Connection, deployment: str, pool: str) -> int:
    """How many runs have something for the pool, now or later."""
    count: int = named_queries().pool_runs_under_way(connection, deployment=deployment, pool=pool)
    return count


def day_used(connection: Connection, deployment: str, pool: str) -> Decimal:
    """What is reserved or spent of today for the pool's machines, in USD."""
    used: Decimal = named_queries().pool_day_used(connection, deployment=deployment, pool=pool)
    return used


def medians(connection: Connection, deployment: str, pool: str) -> Medians:
    """How long its last boots and tasks took."""
    row = named_queries().pool_medians(connection, deployment=deployment, pool=pool)
    return Medians(boot=row["boot"], task=row["task"])


def log_streams(connection: Connection, validation_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The log stream of each of these validations that has one."""
    rows = named_queries().log_streams_of_validations(connection, validation_ids=list(validation_ids))
    return {row["validation_id"]: row["log_stream"] for row in rows}


def hold(connection: Connection, held: Held, lease: timedelta) -> bool:
    """Hold on to a task for a worker that shows life; only a pass calls it, as passes alone end leases.

    So a task whose lease ran out while no pass could be made, or no provider asked, stays where it is at work.
    """
    changed = named_queries().hold_task(
        connection, task_id=held.task_id, worker_id=held.worker_id, fence=held.fence, lease=lease
    )
    return bool(changed)


def has_report(connection: Connection, validation_id: UUID) -> bool:
    """Whether a validation's report was believed and kept."""
    return bool(named_queries().has_report(connection, validation_id=validation_id))


def turns_begun(connection: Connection, validation_id: UUID) -> int:
    """How many turns a validation has had on workers, the present one included."""
    count: int = named_queries().turns_begun(connection, validation_id=validation_id)
    return count
