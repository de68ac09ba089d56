"""What a run would cost at the worst, and whether the budget would allow it. Launches and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from janitor.domain.config.workers import RepositoryPlan
from janitor.domain.errors import DatabaseError, JanitorError, SettingsError
from janitor.domain.launch.order import LaunchOrder
from janitor.domain.money.budget import (
    BudgetLimits,
    BudgetRefusal,
    PoolEstimate,
    RepositoryEstimate,
    RunEstimate,
    judge_run,
)
from janitor.domain.money.prices import PriceTable
from janitor.domain.pool.pool import Pool
from janitor.services.money.budget import day_used
from janitor.services.money.price_files import load_prices
from janitor.settings import Settings


@dataclass(frozen=True, kw_only=True)
class CheckedEstimate:
    """A run's worst case against its budget."""

    config_path: str
    estimate: RunEstimate
    limits: BudgetLimits
    refusal: BudgetRefusal | None
    """None: the budget would allow it, as far as it is known."""
    day_trouble: JanitorError | None = None
    """Why it isn't known what is left of the day, where that matters."""
    pools: Sequence[PoolEstimate] = ()
    """What the machines of its pools may cost, which isn't the run's to reserve."""


def estimate_plans(settings: Settings, grace: timedelta, plans: Sequence[RepositoryPlan]) -> RunEstimate:
    """The worst case of these repositories, in their order, each with this grace after its hard limit.

    Raises:
        SettingsError: The prices can't be used.
    """
    prices = load_prices(settings)
    return RunEstimate(
        prices_source=prices.source,
        region=settings.region,
        repositories=tuple(
            replace(
                _estimate(settings, prices, plan.name, plan.instance_types, timeout=plan.timeout, grace=grace),
                pool=plan.pool,
            )
            for plan in plans
        ),
    )


def estimate_pools(settings: Settings, pools: Sequence[Pool]) -> tuple[PoolEstimate, ...]:
    """What the machines of these pools may cost; those of our own hosts cost nothing here.

    Raises:
        SettingsError: The prices can't be used.
    """
    paid = [pool for pool in pools if pool.makes_workers]
    prices = load_prices(settings) if paid else None
    return tuple(
        PoolEstimate(
            machine=_estimate(
                settings,
                prices,
                pool.name,
                pool.instance_types or pool.gpu_ids,
                timeout=pool.max_lifetime,
                grace=timedelta(),
            ),
            machines=pool.max_workers,
            daily_usd=pool.daily_budget_usd,
        )
        for pool in paid
        if prices is not None
    )


def estimate_order(settings: Settings, order: LaunchOrder) -> RepositoryEstimate:
    """The worst case of one order, by its name.

    Raises:
        SettingsError: The prices can't be used.
    """
    prices = load_prices(settings)
    return _estimate(settings, prices, order.name, order.instance_types, timeout=order.timeout, grace=order.grace)


def _estimate(
    settings: Settings,
    prices: PriceTable,
    name: str,
    instance_types: Sequence[str],
    *,
    timeout: timedelta,
    grace: timedelta,
) -> RepositoryEstimate:
    return RepositoryEstimate(
        repository_name=name,
        usd_hour_by_type={each: prices.instance_usd_hour(settings.region, each) for each in instance_types},
        timeout=timeout,
        overtime=grace + settings.reap_interval,
        volume_gib=settings.volume_gib,
        volume_usd_gib_month=prices.volume_usd_gib_month(settings.region),
    )


def check_estimate(
    settings: Settings, config_path: str, estimate: RunEstimate, limits: BudgetLimits, *, ask_for_day: bool = True
) -> CheckedEstimate:
    """A run's worst case, judged by its budget.

    Args:
        settings: Of the environment.
        config_path: As the user knows the config.
        estimate: The worst case.
        limits: The config's; what is used of the day is asked here.
        ask_for_day: Whether to ask Postgres what is left of the day, where there is a daily budget.
    """
    trouble = None
    if limits.daily_usd is not None and ask_for_day:
        try:
            limits = replace(limits, day_used_usd=day_used(settings))
        except (DatabaseError, SettingsError) as exc:
            trouble = exc
    return CheckedEstimate(
        config_path=config_path,
        estimate=estimate,
        limits=limits,
        refusal=judge_run(estimate, limits),
        day_trouble=trouble,
    )
