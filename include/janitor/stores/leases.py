"""Debug leases: instances that a person keeps beyond their validation, inside a caller's transaction.

Invariant: `instances.keep_until` is the end of the last lease, and every killer goes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord


@dataclass(frozen=True, kw_only=True)
class RepositoryInstance:
    """A live instance, or an intent, that works for a repository."""

    record: InstanceRecord
    repository: str
    """`organization/name`."""
    run_id: UUID
    airflow_run_id: str
    price_usd_hour: Decimal | None


@dataclass(frozen=True, kw_only=True)
class KeptInstance:
    """A live instance that a debug lease holds."""

    instance_id: str
    repository: str | None
    run_id: UUID | None
    keep_until: datetime
    price_usd_hour: Decimal | None


def live_of_repository(connection: Connection, deployment: str, repository: str) -> list[RepositoryInstance]:
    """Instances of a repository that run or are being launched, oldest first.

    Args:
        repository: `name` or `organization/name`.
    """
    rows = named_queries().live_of_repository(connection, deployment=deployment, repository=repository)
    return [
        RepositoryInstance(
            record=InstanceRecord.from_row(row),
            repository=f"{row['organization']}/{row['repository_name']}",
            run_id=row["run_id"],
            airflow_run_id=row["airflow_run_id"],
            price_usd_hour=row["price_usd_hour"],
        )
        for row in rows
    ]


def lock_row(connection: Connection, ledger_id: int) -> InstanceRecord:
    """Lock a ledger row until the transaction ends, and read it.

    Raises:
        DatabaseError: There is none of this id.
    """
    row = named_queries().lock_ledger_row(connection, ledger_id=ledger_id)
    return InstanceRecord.from_row(one(row, what=f"ledger row {ledger_id}"))


def insert_lease(
    connection: Connection, ledger_id: int, *, reservation_id: int, requested_by: str, keep_until: datetime
) -> None:
    """Keep an instance until an instant."""
    queries = named_queries()
    queries.insert_lease(
        connection,
        ledger_id=ledger_id,
        reservation_id=reservation_id,
        requested_by=requested_by,
        keep_until=keep_until,
    )
    queries.set_keep_until(connection, ledger_id=ledger_id, keep_until=keep_until)


def end_leases(connection: Connection, ledger_id: int, at: datetime) -> None:
    """Let every lease of an instance end now."""
    queries = named_queries()
    queries.end_leases(connection, ledger_id=ledger_id, at=at)
    queries.set_keep_until(connection, ledger_id=ledger_id, keep_until=at)


def reserved_for_leases(connection: Connection, ledger_id: int) -> Decimal:
    """What is set aside for an instance's leases, in USD."""
    reserved: Decimal = named_queries().reserved_for_leases(connection, ledger_id=ledger_id)
    return reserved


def kept_instances(connection: Connection, deployment: str) -> list[KeptInstance]:
    """Live instances that a lease holds now, the one that ends first first."""
    return [
        KeptInstance(
            instance_id=row["instance_id"],
            repository=row["repository_name"],
            run_id=row["run_id"],
            keep_until=row["keep_until"],
            price_usd_hour=row["price_usd_hour"],
        )
        for row in named_queries().kept_instances(connection, deployment=deployment)
    ]
