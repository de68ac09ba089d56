"""Money: set aside before anything is launched, released when nothing is alive any more.

Invariant: what is reserved or spent of a day never passes a daily budget by a decision taken here, however many are
taken at once. What is released is charged to the day on which it was reserved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.errors import BudgetRefusedError
from janitor.domain.launch.order import LaunchOrder
from janitor.domain.launch.owner import Owner
from janitor.domain.money.budget import (
    BudgetLimits,
    RepositoryEstimate,
    RunEstimate,
    judge_lease,
    judge_order,
    judge_run,
)
from janitor.domain.money.costs import cost_of
from janitor.domain.news.routes import Routes
from janitor.services.outbox.writing import keep_refused
from janitor.settings import Settings
from janitor.stores import budget as store
from janitor.stores.database import Connection, transaction


def reserve_run(
    connection: Connection,
    *,
    deployment: str,
    run_id: UUID,
    estimate: RunEstimate,
    limits: BudgetLimits,
    owners: Sequence[Owner],
) -> None:
    """Set aside the worst case of a run that is planned in this transaction; holds the day's lock until it ends.

    Nothing is set aside for what a pool validates: a worker's machine is paid for when it is launched.

    Args:
        estimate: One entry for each of `owners`, the run's validations, in the same order.
        limits: The configuration's; what is used of the day is read here.

    Raises:
        BudgetRefusedError: The budget doesn't allow it. Leave the transaction, so that nothing is written.
    """
    day = store.lock_budget(connection, deployment)
    limits = replace(limits, day_used_usd=store.day_used(connection, deployment, day))
    refusal = judge_run(estimate, limits)
    if refusal is not None:
        raise BudgetRefusedError(refusal.message, refusal)
    # Without a budget an unknown price is no obstacle; what it will cost is unknown, and recorded as 0. What a pool
    # validates is paid for with its worker's machine.
    amounts = {
        owner: each.worst_case_usd or Decimal(0)
        for owner, each in zip(owners, estimate.repositories, strict=True)
        if each.pool is None
    }
    store.keep_run_limits(connection, run_id, limits)
    store.reserve_launches(connection, deployment=deployment, run_id=run_id, day=day, amounts=amounts)


def reserve_order(
    connection: Connection,
    *,
    deployment: str,
    order: LaunchOrder,
    estimate: RepositoryEstimate,
    limits: BudgetLimits,
) -> None:
    """Set aside the worst case of one order, before it is launched; holds the day's lock until the transaction ends.

    For an owner whose money no plan has set aside. Ordering again finds the first reservation.

    Args:
        estimate: Of this order.
        limits: Those of whoever pays; what is used of the day is read here.

    Raises:
        BudgetRefusedError: The budget doesn't allow it. Leave the transaction, so that nothing is written.
    """
    day = store.lock_budget(connection, deployment)
    limits = replace(limits, day_used_usd=store.day_used(connection, deployment, day))
    refusal = judge_order(estimate, limits)
    if refusal is not None:
        raise BudgetRefusedError(refusal.message, refusal)
    amounts = {order.owner: estimate.worst_case_usd or Decimal(0)}
    store.reserve_launches(connection, deployment=deployment, run_id=order.run_id, day=day, amounts=amounts)


def reserve_lease(connection: Connection, ledger_id: int, keep_until: datetime) -> int:
    """Set aside what keeping an instance until `keep_until` costs beyond the time that is paid for already.

    Call it in the transaction that writes the lease, before the ledger row's `keep_until` is changed. The lock of the
    deployment's day is held until that transaction ends.

    Returns:
        The reservation's id.

    Raises:
        BudgetRefusedError: The limits of the instance's run don't allow it: what it may cost, or the day's. Leave the
            transaction.
        DatabaseError: The ledger has no such row, or Postgres can't be used.
    """
    day = store.lock_budget(connection, store.lease_terms(connection, ledger_id).deployment)
    # Read under the lock: another lease of the same instance may just have been written.
    terms = store.lease_terms(connection, ledger_id)
    wanted = cost_of(
        max(keep_until - terms.may_live_until, timedelta()),
        usd_hour=terms.price_usd_hour,
        volume_gib=terms.volume_gib,
        volume_usd_gib_month=terms.volume_usd_gib_month,
    )
    limits = BudgetLimits(
        run_usd=terms.max_run_cost_usd,
        run_used_usd=terms.run_used_usd,
        daily_usd=terms.daily_budget_usd,
        day_used_usd=store.day_used(connection, terms.deployment, day),
    )
    refusal = judge_lease(wanted, limits, priced=terms.instance_type)
    if refusal is not None:
        raise BudgetRefusedError(refusal.message, refusal)
    return store.insert_lease_reservation(connection, ledger_id=ledger_id, day=day, amount=wanted or Decimal(0))


def settle_reservations(settings: Settings) -> int:
    """Release every reservation of the deployment that is over, with what it really cost. Repeating it is harmless.

    An owner's is over when it has ended and EC2 has ended all of its instances, a lease's when EC2 has ended its
    instance. An owner of whose end nothing is recorded has ended with its instances.

    Returns:
        How many were released.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        return store.settle_reservations(connection, settings.deployment)


def keep_refusal(
    settings: Settings,
    airflow_run_id: str,
    error: BudgetRefusedError,
    routes: Routes | None = None,
    *,
    is_told: bool = True,
) -> None:
    """Keep that a run was refused, and that somebody is to be told, in a transaction of its own.

    Args:
        settings: Of the environment.
        airflow_run_id: The run.
        error: What the budget said.
        routes: Who is told; None: who was told of the last run.
        is_told: Whether anybody is.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    if error.refusal is None:
        return
    with transaction(settings.writer_url) as connection:
        store.keep_refusal(connection, settings.deployment, airflow_run_id, error.refusal)
        if is_told:
            keep_refused(connection, settings.deployment, airflow_run_id, error.refusal.message, routes)


def day_used(settings: Settings) -> Decimal:
    """What the deployment has reserved and spent of today (UTC), in USD.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        return store.day_used(connection, settings.deployment)


def refusal_of(settings: Settings, airflow_run_id: str) -> str | None:
    """Why planning refused a run; None where it didn't.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        return store.refusal_message(connection, settings.deployment, airflow_run_id)
