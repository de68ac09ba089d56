"""What a run will cost, in a few lines before it is launched."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from janitor.cli.render.names import told_apart
from janitor.domain.money.budget import RunEstimate
from janitor.domain.money.places import MONEY_PLACES, places_for
from janitor.services.launch.blueprint import RunBlueprint
from janitor.services.money.expected import RepositoryForecast, RunForecast
from janitor.views.text.marks import one_line
from janitor.views.text.money import dollars, dollars_if_known, hourly_prices
from janitor.views.text.times import compactly

_SHOWN = 10
"""Repositories that have a line of their own."""


def plan_text(forecast: RunForecast, *, is_local: bool, region: str) -> str:
    """A line for each repository, up to ten, and the sum; one line where nothing real is paid.

    Args:
        forecast: What the run may cost.
        is_local: Whether its instances are processes of this machine.
        region: Whose prices they are.
    """
    count = _repositories(len(forecast.repositories))
    if is_local:
        # One line alone: nothing has to add up.
        return f"Plan: {count}, {_total(forecast, MONEY_PLACES)} by AWS's prices; nothing is paid here"
    names = told_apart([(each.plan.name, each.plan.organization) for each in forecast.repositories])
    places = _places(forecast)
    shown = zip(names[:_SHOWN], forecast.repositories, strict=False)
    lines = [_line(name, each, places) for name, each in shown]
    left = len(forecast.repositories) - len(lines)
    if left:
        lines.append(f"  … and {_repositories(left)} more")
    return "\n".join([f"Plan: {count} in {region}", *lines, f"Sum: {_total(forecast, places)}"])


def sequential_plan_text(blueprint: RunBlueprint, estimate: RunEstimate, *, is_local: bool) -> str:
    """What a sequential run will do: how many repositories on which instance, for how long at most, and its price."""
    count, total = _repositories(len(blueprint.plans)), blueprint.total_timeout
    limit = f", at most {compactly(total)}" if total is not None else ""
    worst = f"at the worst {dollars_if_known(estimate.worst_case_usd, MONEY_PLACES)}"
    if is_local:
        return f"Plan: {count} in turn on one instance{limit}; {worst} by AWS's prices; nothing is paid here"
    types = " or ".join(hourly_prices(estimate.repositories[0].usd_hour_by_type))
    return f"Plan: {count} in turn on one instance in {estimate.region} ({types}){limit}; {worst}"


def plan_question(forecast: RunForecast, limit: Decimal | None) -> str | None:
    """What is asked before the launch; None where nothing is.

    Args:
        forecast: What the run may cost.
        limit: `confirm_above_usd`; None: not set.
    """
    worst = forecast.worst_case_usd
    if limit is None or (worst is not None and worst <= limit):
        return None
    named = f"confirm_above_usd ({dollars(limit)})"
    if worst is None:
        why = _unpriced(forecast.unpriced)
        return f"It isn't known what this costs at the worst ({why}), and {named} is set. Launch?"
    return f"At the worst this costs {dollars(worst)}, above {named}. Launch?"


def _line(name: str, each: RepositoryForecast, places: int) -> str:
    types = " or ".join(hourly_prices(each.estimate.usd_hour_by_type))
    if each.usual is None:
        expected = "no verdict yet to expect from"
    else:
        expected = f"expected {dollars_if_known(each.expected_usd, places)} ({compactly(each.usual.median)})"
    market = "" if each.plan.market.value == "on-demand" else f" at most, {each.plan.market.value}"
    worst = dollars_if_known(each.estimate.worst_case_usd, places)
    return f"  {one_line(name)}: {types}{market}; at the worst {worst}, {expected}"


def _total(forecast: RunForecast, places: int) -> str:
    total = f"at the worst {dollars_if_known(forecast.worst_case_usd, places)}"
    if forecast.expected_usd is None:
        return total
    without = f" without {_repositories(forecast.unknown)}" if forecast.unknown else ""
    return f"{total}, expected {dollars(forecast.expected_usd, places)}{without}"


def _places(forecast: RunForecast) -> int:
    """So many that both sums are those of the lines."""
    worst = places_for([each.estimate.worst_case_usd for each in forecast.repositories], forecast.worst_case_usd)
    known = [each.expected_usd for each in forecast.repositories if each.expected_usd is not None]
    return max(worst, places_for(known, forecast.expected_usd))


def _unpriced(names: Sequence[str]) -> str:
    return f"no price of {', '.join(one_line(name) for name in names[:_SHOWN])}"


def _repositories(count: int) -> str:
    return f"{count} {'repository' if count == 1 else 'repositories'}"
