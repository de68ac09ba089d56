"""A run's worst case as text: the answer of `estimate`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from janitor.domain.money.budget import PoolEstimate, RepositoryEstimate, RunEstimate
from janitor.domain.money.places import places_for
from janitor.services.money.estimate import CheckedEstimate
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, one_line
from janitor.views.text.money import dollars, dollars_if_known, hourly_prices

_HOUR = timedelta(hours=1)


def estimate_text(checked: CheckedEstimate) -> str:
    """A line for each repository, the totals, the limits, and whether the run would be accepted."""
    estimate, limits = checked.estimate, checked.limits
    count = len(estimate.repositories)
    places = places_for([each.worst_case_usd for each in estimate.repositories], estimate.worst_case_usd)
    lines = [
        f"{one_line(checked.config_path)}: {count} {'repository' if count == 1 else 'repositories'},"
        f" at the worst in {estimate.region} (prices: {estimate.prices_source})",
        "",
        *(_repository_line(each, places) for each in estimate.repositories),
        f"Total: {_instances(estimate)}, {_hours(estimate.lifetime)},"
        f" {dollars_if_known(estimate.worst_case_usd, places)}",
        *(_pool_line(each) for each in checked.pools),
        "",
        f"Run: {_limit(limits.run_usd, 'max_run_cost_usd')}",
        f"Day: {_day(checked)}",
    ]
    if checked.refusal is not None:
        lines.append(f"{BAD} {checked.refusal.message}")
    elif checked.day_trouble is not None:
        lines.append(f"{UNKNOWN} accepted as far as it is known; the day's budget is checked when the run starts")
    elif limits.any_set:
        lines.append(f"{GOOD} accepted")
    else:
        lines.append(f"{GOOD} accepted: there is no budget")
    return "\n".join(lines)


def _repository_line(each: RepositoryEstimate, places: int) -> str:
    candidates = ", ".join(hourly_prices(each.usd_hour_by_type))
    worst = dollars_if_known(each.worst_case_usd, places)
    pool = f"; pool {each.pool}" if each.pool else ""
    return f"  {each.repository_name}: {candidates}; {_hours(each.lifetime)}; {worst}{pool}"


def _pool_line(each: PoolEstimate) -> str:
    candidates = ", ".join(hourly_prices(each.machine.usd_hour_by_type))
    day = "" if each.daily_usd is None else f", of which {dollars(each.daily_usd)} a day at most"
    return (
        f"Pool {each.machine.repository_name}: {candidates}; at most {each.machines}"
        f" {'machine' if each.machines == 1 else 'machines'} at once, each {_hours(each.machine.lifetime)};"
        f" {dollars_if_known(each.worst_case_usd, 2)}, whoever they work for{day}"
    )


def _instances(estimate: RunEstimate) -> str:
    """How many the run has for itself, and how many repositories are validated by pools."""
    pooled = sum(each.pool is not None for each in estimate.repositories)
    own = len(estimate.repositories) - pooled
    said = f"{own} {'instance' if own == 1 else 'instances'}"
    return f"{said} and {pooled} on pools' machines, which are paid for when they are launched" if pooled else said


def _limit(limit: Decimal | None, name: str) -> str:
    return f"no limit ({name} is not set)" if limit is None else f"at most {dollars(limit)} ({name})"


def _day(checked: CheckedEstimate) -> str:
    limits = checked.limits
    text = _limit(limits.daily_usd, "daily_budget_usd")
    if checked.day_trouble is not None:
        return f"{text}; what is left of it is unknown: database down"
    if limits.day_used_usd is not None and limits.day_left_usd is not None:
        return f"{text}; {dollars(limits.day_used_usd)} reserved or spent, {dollars(limits.day_left_usd)} left"
    return text


def _hours(duration: timedelta) -> str:
    return f"{duration / _HOUR:.2f} h"
