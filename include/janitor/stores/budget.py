"""Reading and writing `budget_reservations` and `budget_refusals`, inside a caller's transaction.

Invariant: a decision over what is left of a day is taken, and its reservation written, under the day's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from janitor.domain.launch.owner import Owner
from janitor.domain.money.budget import BudgetLimits, BudgetRefusal
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class LeaseTerms:
    """What a lease of an instance is reckoned from."""

    deployment: str
    instance_type: str
    price_usd_hour: Decimal | None
    volume_gib: int | None
    volume_usd_gib_month: Decimal | None
    may_live_until: datetime
    daily_budget_usd: Decimal | None
    max_run_cost_usd: Decimal | None
    run_used_usd: Decimal
    """Reserved and spent by the run's validations and leases."""


def lock_budget(connection: Connection, deployment: str) -> date:
    """Take the lock of the deployment's day until the transaction ends; returns the day (UTC, Postgres's clock)."""
    day: date = named_queries().lock_budget(connection, deployment=deployment)["day"]
    return day


def today(connection: Connection) -> date:
    """The day (UTC, Postgres's clock)."""
    day: date = named_queries().today(connection)
    return day


def day_used(connection: Connection, deployment: str, day: date | None = None) -> Decimal:
    """What is reserved or spent of a day, in USD; default: today's."""
    queries = named_queries()
    used: Decimal = (
        queries.day_used(connection, deployment=deployment)
        if day is None
        else queries.day_used_of(connection, deployment=deployment, day=day)
    )
    return used


def keep_run_limits(connection: Connection, run_id: UUID, limits: BudgetLimits) -> None:
    """Keep what a run may cost."""
    named_queries().keep_run_limits(
        connection, run_id=run_id, max_run_cost_usd=limits.run_usd, daily_budget_usd=limits.daily_usd
    )


def reserve_launches(
    connection: Connection, *, deployment: str, run_id: UUID | None, day: date, amounts: Mapping[Owner, Decimal]
) -> None:
    """Set aside what the instances of each owner may cost at the worst; what is there already stays."""
    named_queries().reserve_launches(
        connection,
        deployment=deployment,
        run_id=run_id,
        day=day,
        owner_kinds=[owner.kind.value for owner in amounts],
        owner_ids=[owner.id for owner in amounts],
        amounts=list(amounts.values()),
    )


def lease_terms(connection: Connection, ledger_id: int) -> LeaseTerms:
    """What a lease of this instance is reckoned from.

    Raises:
        DatabaseError: The ledger has no such row.
    """
    row = one(named_queries().lease_terms(connection, ledger_id=ledger_id), what=f"instance {ledger_id} of the ledger")
    return LeaseTerms(**row)


def insert_lease_reservation(connection: Connection, *, ledger_id: int, day: date, amount: Decimal) -> int:
    """Set money aside for a lease, for the instance's owner and run; returns the reservation's id."""
    reservation_id: int = named_queries().insert_lease_reservation(
        connection, ledger_id=ledger_id, day=day, amount=amount
    )
    return reservation_id


def keep_refusal(connection: Connection, deployment: str, airflow_run_id: str, refusal: BudgetRefusal) -> None:
    """Keep that a run was refused; a later refusal of the same run takes its place."""
    named_queries().keep_refusal(
        connection,
        deployment=deployment,
        airflow_run_id=airflow_run_id,
        wanted_usd=refusal.wanted_usd,
        run_limit_usd=refusal.limits.run_usd,
        day_left_usd=refusal.limits.day_left_usd,
        message=refusal.message,
    )


def refusal_message(connection: Connection, deployment: str, airflow_run_id: str) -> str | None:
    """Why a run was refused; None where it wasn't."""
    message: str | None = named_queries().refusal_message(
        connection, deployment=deployment, airflow_run_id=airflow_run_id
    )
    return message


def settle_reservations(connection: Connection, deployment: str) -> int:
    """Release what is over, with what it really cost; returns how many reservations."""
    released: int = named_queries().settle_reservations(connection, deployment=deployment)
    return released
