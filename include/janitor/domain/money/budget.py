"""What a run may cost at the worst, whether the budget allows it, and what would fit where it doesn't.

Invariant: a worst case is an upper bound. The dearest of a repository's candidate types counts, on demand, from launch
to the last moment at which anything may still be alive. Where a price isn't known, neither is the worst case.

A repository that a pool validates counts as on a machine of its own: its part of a worker's boot and waiting isn't
known before, and isn't in it. Its money is set aside with the worker's machine, when that is launched, not by its run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from janitor.domain.money.costs import worst_case

_NAMES_SHOWN = 10
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class RepositoryEstimate:
    """What one repository of a run may cost."""

    repository_name: str
    usd_hour_by_type: Mapping[str, Decimal | None]
    """Its candidate types in the order in which they are tried, each with its on-demand price; None: not known."""
    timeout: timedelta
    overtime: timedelta
    """How much longer than the hard limit an instance may live: grace and one pass of the reaper."""
    volume_gib: int
    volume_usd_gib_month: Decimal | None
    pool: str | None = None
    """Whose worker validates it; None: an instance of its own, or of its run's, does."""

    @property
    def lifetime(self) -> timedelta:
        """The longest that its instances live, all together: the hard limit holds over retries."""
        return self.timeout + self.overtime

    @property
    def unpriced(self) -> tuple[str, ...]:
        """What no price is known of: instance types, or the volume."""
        types = tuple(name for name, price in self.usd_hour_by_type.items() if price is None)
        return types if self.volume_usd_gib_month is not None else (*types, "gp3")

    @property
    def worst_case_usd(self) -> Decimal | None:
        """The most that it may cost, to four places; None where a price isn't known."""
        prices = [price for price in self.usd_hour_by_type.values() if price is not None]
        if self.unpriced or self.volume_usd_gib_month is None:
            return None
        return worst_case(
            usd_hour=max(prices),
            lifetime=self.lifetime,
            volume_gib=self.volume_gib,
            volume_usd_gib_month=self.volume_usd_gib_month,
        )


@dataclass(frozen=True, kw_only=True)
class PoolEstimate:
    """What the machines of a pool may cost at once, whoever they work for."""

    machine: RepositoryEstimate
    """The longest life of one of them, by the pool's name."""
    machines: int
    """The most at once."""
    daily_usd: Decimal | None
    """What the pool may reserve in a day; None: no limit of its own."""

    @property
    def worst_case_usd(self) -> Decimal | None:
        """All of them, each to the end of its life; None where a price isn't known."""
        each = self.machine.worst_case_usd
        return None if each is None else each * self.machines


@dataclass(frozen=True, kw_only=True)
class RunEstimate:
    """What a run may cost: its repositories in the order of the configuration."""

    repositories: Sequence[RepositoryEstimate]
    prices_source: str
    """The file of the prices, for messages."""
    region: str

    @property
    def worst_case_usd(self) -> Decimal | None:
        """The most that the run may cost; None where a price isn't known."""
        return None if self.unpriced else _total(self.repositories)

    @property
    def set_aside_usd(self) -> Decimal | None:
        """What of it is set aside for the run: all but what pools validate. None where a price isn't known."""
        return None if self.unpriced else _set_aside(self.repositories)

    @property
    def lifetime(self) -> timedelta:
        """Instance time of the worst case."""
        return sum((each.lifetime for each in self.repositories), timedelta())

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Everything that no price is known of, each once."""
        return tuple(dict.fromkeys(name for each in self.repositories for name in each.unpriced))


@dataclass(frozen=True, kw_only=True)
class BudgetLimits:
    """What may be spent; None: no limit."""

    run_usd: Decimal | None
    daily_usd: Decimal | None
    day_used_usd: Decimal | None = None
    """Reserved and spent of the day already; None: not known."""
    run_used_usd: Decimal = Decimal(0)
    """Reserved and spent of the run already: by its validations, where it is about a lease."""

    @property
    def run_left_usd(self) -> Decimal | None:
        """What is left of the run's limit; None without one."""
        return None if self.run_usd is None else max(self.run_usd - self.run_used_usd, Decimal(0))

    @property
    def day_left_usd(self) -> Decimal | None:
        """What is left of the day; None without a limit or where it isn't known."""
        if self.daily_usd is None or self.day_used_usd is None:
            return None
        return max(self.daily_usd - self.day_used_usd, Decimal(0))

    @property
    def any_set(self) -> bool:
        """Whether there is a limit at all."""
        return self.run_usd is not None or self.daily_usd is not None

    @property
    def available_usd(self) -> Decimal | None:
        """What may be set aside now; None: no limit that is known."""
        known = [each for each in (self.run_left_usd, self.day_left_usd) if each is not None]
        return min(known) if known else None


@dataclass(frozen=True, kw_only=True)
class WhatFits:
    """Smaller runs that the budget allows; None, or nothing, where there is none of that kind."""

    repositories: tuple[str, ...] = ()
    """The first ones of the configuration, as many as fit."""
    timeout_minutes: int | None = None
    """A hard limit with which all fit: no repository's may be longer."""
    instance_type: str | None = None
    """One of the candidates: all fit where it is the only one of each repository that lists it."""


@dataclass(frozen=True, kw_only=True)
class BudgetRefusal:
    """Why a run, or a lease, is refused."""

    wanted_usd: Decimal | None
    """None where a price isn't known."""
    limits: BudgetLimits
    unpriced: tuple[str, ...] = ()
    fits: WhatFits = WhatFits()
    message: str


def judge_run(estimate: RunEstimate, limits: BudgetLimits) -> BudgetRefusal | None:
    """Say whether the budget allows a run.

    Returns:
        Why not, and what would fit; None where it is allowed. The day counts only where it is known.
    """
    if not limits.any_set:
        return None
    wanted, set_aside = estimate.worst_case_usd, estimate.set_aside_usd
    if wanted is None or set_aside is None:
        return _refused_unpriced(estimate, limits)
    if _allowed(estimate.repositories, limits):
        return None
    fits = _what_fits(estimate, limits)
    return BudgetRefusal(
        wanted_usd=wanted,
        limits=limits,
        fits=fits,
        message=f"the run is refused: at the worst it costs {_dollars(wanted)}, {_over(wanted, limits, set_aside)}."
        f" {_fits_text(fits, len(estimate.repositories))}",
    )


def judge_lease(wanted: Decimal | None, limits: BudgetLimits, *, priced: str) -> BudgetRefusal | None:
    """Say whether the budget allows a debug lease.

    Args:
        wanted: What the lease costs beyond what is reserved already; None: not known.
        limits: The day's, and those of the run that the instance works for.
        priced: What is leased, for messages.
    """
    return _judge_one(
        "the lease is refused:",
        wanted,
        limits,
        unpriced=() if wanted is not None else (priced,),
        without_price="Put it into the prices file for what is launched next, or lease without a budget.",
        too_much="Ask for a shorter one.",
    )


def judge_order(estimate: RepositoryEstimate, limits: BudgetLimits) -> BudgetRefusal | None:
    """Say whether the budget allows one order of which no run has set the money aside.

    Args:
        estimate: What it may cost at the worst.
        limits: Those of whoever pays.
    """
    return _judge_one(
        f"{estimate.repository_name} is refused:",
        estimate.worst_case_usd,
        limits,
        unpriced=estimate.unpriced,
        without_price="Put it into the prices file, or choose a type that has one.",
        too_much="Ask for a shorter timeout or a cheaper type.",
    )


def _judge_one(
    begin: str,
    wanted: Decimal | None,
    limits: BudgetLimits,
    *,
    unpriced: tuple[str, ...],
    without_price: str,
    too_much: str,
) -> BudgetRefusal | None:
    if not limits.any_set:
        return None
    if wanted is None:
        message = f"there is a budget, and the price of {', '.join(unpriced)} is not known. {without_price}"
        return BudgetRefusal(wanted_usd=None, limits=limits, unpriced=unpriced, message=f"{begin} {message}")
    available = limits.available_usd
    if available is None or wanted <= available:
        return None
    message = f"it costs {_dollars(wanted)}, {_over(wanted, limits)}. {too_much}"
    return BudgetRefusal(wanted_usd=wanted, limits=limits, message=f"{begin} {message}")


def _refused_unpriced(estimate: RunEstimate, limits: BudgetLimits) -> BudgetRefusal:
    names = ", ".join(estimate.unpriced)
    return BudgetRefusal(
        wanted_usd=None,
        limits=limits,
        unpriced=estimate.unpriced,
        message=f"the run is refused: there is a budget, and {estimate.prices_source} has no price of {names} in"
        f" {estimate.region}. Put the price into that file, or choose a type that has one.",
    )


def _allowed(repositories: Sequence[RepositoryEstimate], limits: BudgetLimits) -> bool:
    """Whether a run of these is within its limits: the run's as a whole, the day's with what is set aside for it."""
    run_left, day_left = limits.run_left_usd, limits.day_left_usd
    return (run_left is None or _total(repositories) <= run_left) and (
        day_left is None or _set_aside(repositories) <= day_left
    )


def _over(wanted: Decimal, limits: BudgetLimits, set_aside: Decimal | None = None) -> str:
    """The limits that are passed, in words; where it isn't all, with what is set aside of it."""
    of_day = wanted if set_aside is None else set_aside
    said = []
    left = limits.run_left_usd
    if limits.run_usd is not None and left is not None and wanted > left:
        said.append(
            f"above max_run_cost_usd ({_dollars(limits.run_usd)})"
            if not limits.run_used_usd
            else f"more than the {_dollars(left)} that {'is' if left <= 1 else 'are'} left of its run's"
            f" max_run_cost_usd ({_dollars(limits.run_usd)}, {_dollars(limits.run_used_usd)} reserved or spent)"
        )
    left = limits.day_left_usd
    if left is not None and limits.daily_usd is not None and of_day > left:
        part = "" if of_day == wanted else f"without its pools' part {_dollars(of_day)}, "
        said.append(
            f"{part}more than the {_dollars(left)} that {'is' if left <= 1 else 'are'} left of today's daily_budget_usd"
            f" ({_dollars(limits.daily_usd)}, {_dollars(limits.day_used_usd or Decimal(0))} reserved or spent; UTC)"
        )
    return " and ".join(said)


def _what_fits(estimate: RunEstimate, limits: BudgetLimits) -> WhatFits:
    return WhatFits(
        repositories=_first_that_fit(estimate, limits),
        timeout_minutes=_longest_timeout(estimate, limits),
        instance_type=_type_that_fits(estimate, limits),
    )


def _first_that_fit(estimate: RunEstimate, limits: BudgetLimits) -> tuple[str, ...]:
    names = [each.repository_name for each in estimate.repositories]
    count = 0
    while count < len(names) and _allowed(estimate.repositories[: count + 1], limits):
        count += 1
    return tuple(names[:count])


def _longest_timeout(estimate: RunEstimate, limits: BudgetLimits) -> int | None:
    """The most whole minutes that all may have; a repository's own shorter limit stays."""
    low, high = 0, int(max(each.timeout for each in estimate.repositories) / _MINUTE)
    while low < high:
        middle = (low + high + 1) // 2
        shortened = [replace(each, timeout=min(each.timeout, middle * _MINUTE)) for each in estimate.repositories]
        if _allowed(shortened, limits):
            low = middle
        else:
            high = middle - 1
    return low or None


def _type_that_fits(estimate: RunEstimate, limits: BudgetLimits) -> str | None:
    """The first candidate with which all fit, if no other type of the same repository is tried."""
    for name in dict.fromkeys(name for each in estimate.repositories for name in each.usd_hour_by_type):
        if _allowed([_only(each, name) for each in estimate.repositories], limits):
            return name
    return None


def _only(each: RepositoryEstimate, name: str) -> RepositoryEstimate:
    if name not in each.usd_hour_by_type:
        return each
    return replace(each, usd_hour_by_type={name: each.usd_hour_by_type[name]})


def _total(repositories: Sequence[RepositoryEstimate]) -> Decimal:
    return sum((each.worst_case_usd or Decimal(0) for each in repositories), Decimal(0))


def _set_aside(repositories: Sequence[RepositoryEstimate]) -> Decimal:
    return _total([each for each in repositories if each.pool is None])


def _fits_text(fits: WhatFits, total: int) -> str:
    said = []
    if fits.repositories:
        names = ", ".join(fits.repositories[:_NAMES_SHOWN])
        more = f" and {len(fits.repositories) - _NAMES_SHOWN} more" if len(fits.repositories) > _NAMES_SHOWN else ""
        first = "the first" if len(fits.repositories) == 1 else f"the first {len(fits.repositories)}"
        said.append(f"{first} of {total} repositories ({names}{more})")
    if fits.timeout_minutes is not None:
        said.append(f"all with a limit of at most {fits.timeout_minutes} minutes each")
    if fits.instance_type is not None:
        said.append(f"all with {fits.instance_type} as the only type where it is listed")
    if not said:
        return "Nothing of it fits: raise the limit, shorten the timeouts or choose cheaper types."
    return f"What fits: {'; or '.join(said)}."


def _dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}" if amount == 0 or amount >= Decimal("0.01") else f"${amount:.4f}"
