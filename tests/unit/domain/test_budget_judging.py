"""Judging a run by its budget: what it would cost, what is left, and what would fit instead."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.errors import BudgetRefusedError
from janitor.domain.money.budget import BudgetLimits, RepositoryEstimate, RunEstimate, WhatFits, judge_lease, judge_run

OVERTIME = timedelta(minutes=7)


def repository(
    name: str, minutes: float = 53, prices: Mapping[str, Decimal | None] | None = None
) -> RepositoryEstimate:
    """A dollar an hour, an hour with its overtime, and a volume that costs nothing."""
    return RepositoryEstimate(
        repository_name=name,
        usd_hour_by_type=prices or {"g5.xlarge": Decimal(1)},
        timeout=timedelta(minutes=minutes),
        overtime=OVERTIME,
        volume_gib=0,
        volume_usd_gib_month=Decimal("0.08"),
    )


def run(*repositories: RepositoryEstimate) -> RunEstimate:
    return RunEstimate(repositories=repositories, prices_source="infra/prices.yaml", region="us-east-1")


def limits(run_usd: str | None = None, daily_usd: str | None = None, used: str | None = None) -> BudgetLimits:
    amounts = [None if each is None else Decimal(each) for each in (run_usd, daily_usd, used)]
    return BudgetLimits(run_usd=amounts[0], daily_usd=amounts[1], day_used_usd=amounts[2])


def test_the_dearest_candidate_counts_with_volume_and_overtime() -> None:
    each = RepositoryEstimate(
        repository_name="a",
        usd_hour_by_type={"g5.xlarge": Decimal("1.006"), "g5.2xlarge": Decimal("1.212")},
        timeout=timedelta(minutes=30),
        overtime=timedelta(minutes=7),
        volume_gib=100,
        volume_usd_gib_month=Decimal("0.08"),
    )
    # 37 minutes of 1.212 USD are 0.7474, of the volume 0.00685.
    assert each.worst_case_usd == Decimal("0.7543")


@pytest.mark.parametrize(
    "given_limits",
    [limits(), limits("2"), limits("2", "2", "0"), limits(None, "10", "8"), limits("2", "1", None)],
)
def test_what_is_within_every_known_limit_is_accepted(given_limits: BudgetLimits) -> None:
    assert judge_run(run(repository("a"), repository("b")), given_limits) is None


def test_a_refusal_says_what_was_wanted_what_is_left_and_what_would_fit() -> None:
    dear = {"g5.2xlarge": Decimal(2), "g5.xlarge": Decimal(1)}
    refusal = judge_run(run(repository("a"), repository("b"), repository("c", prices=dear)), limits("3.5", "10", "7"))
    assert refusal is not None
    assert refusal.wanted_usd == 4
    assert refusal.fits == WhatFits(repositories=("a", "b"), timeout_minutes=38, instance_type="g5.xlarge")
    assert refusal.message == (
        "the run is refused: at the worst it costs $4.00, above max_run_cost_usd ($3.50) and more than the $3.00 that"
        " are left of today's daily_budget_usd ($10.00, $7.00 reserved or spent; UTC). What fits: the first 2 of 3"
        " repositories (a, b); or all with a limit of at most 38 minutes each; or all with g5.xlarge as the only type"
        " where it is listed."
    )


def test_what_a_pool_validates_counts_for_the_run_and_not_for_the_day() -> None:
    """Its money is set aside with the worker's machine."""
    pooled = replace(repository("b"), pool="gpu")
    estimate = run(repository("a"), pooled, replace(pooled, repository_name="c"))
    assert (estimate.worst_case_usd, estimate.set_aside_usd) == (3, 1)
    assert judge_run(estimate, limits("3", "10", "9")) is None
    assert judge_run(estimate, limits(None, "10", "9")) is None

    of_run = judge_run(estimate, limits("2.5", "10", "9"))
    assert of_run is not None
    assert (of_run.wanted_usd, of_run.fits.repositories) == (3, ("a", "b"))
    assert of_run.message.startswith(
        "the run is refused: at the worst it costs $3.00, above max_run_cost_usd ($2.50). What fits: the first 2 of 3"
    )
    of_day = judge_run(estimate, limits(None, "10", "9.5"))
    assert of_day is not None
    # The first alone is too dear for the day, so that no beginning of the list fits.
    assert (of_day.fits.repositories, of_day.fits.timeout_minutes) == ((), 23)
    assert of_day.message.startswith(
        "the run is refused: at the worst it costs $3.00, without its pools' part $1.00, more than the $0.50 that is"
        " left of today's daily_budget_usd ($10.00, $9.50 reserved or spent; UTC)."
    )


def test_a_shorter_limit_of_one_repository_stays() -> None:
    refusal = judge_run(run(repository("a", 3), repository("b", 113)), limits("1.01"))
    assert refusal is not None
    # Ten minutes of the first leave fifty for the second, both rounded up to a hundredth of a cent.
    assert refusal.fits.timeout_minutes == 43


def test_where_nothing_fits_the_next_step_is_said() -> None:
    refusal = judge_run(run(repository("a")), limits("1", "5", "5"))
    assert refusal is not None
    assert refusal.fits == WhatFits()
    assert refusal.message.endswith(
        "Nothing of it fits: raise the limit, shorten the timeouts or choose cheaper types."
    )


def test_many_names_are_cut_short() -> None:
    refusal = judge_run(run(*(repository(f"r{number}") for number in range(20))), limits("12"))
    assert refusal is not None
    assert "the first 12 of 20 repositories (r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 and 2 more)" in refusal.message


def test_an_unknown_price_is_refused_only_where_there_is_a_budget() -> None:
    unpriced = run(repository("a"), repository("b", prices={"g5.xlarge": Decimal(1), "x9.mega": None}))
    assert unpriced.worst_case_usd is None
    assert judge_run(unpriced, limits()) is None
    refusal = judge_run(unpriced, limits(None, "100"))
    assert refusal is not None
    assert refusal.wanted_usd is None
    assert "infra/prices.yaml has no price of x9.mega in us-east-1" in refusal.message


def test_a_lease_is_judged_by_what_its_run_has_left() -> None:
    used = replace(limits("5"), run_used_usd=Decimal("3.50"))
    assert judge_lease(Decimal("1.5"), used, priced="g5.xlarge") is None
    refusal = judge_lease(Decimal("1.51"), used, priced="g5.xlarge")
    assert refusal is not None
    assert refusal.message == (
        "the lease is refused: it costs $1.51, more than the $1.50 that are left of its run's max_run_cost_usd"
        " ($5.00, $3.50 reserved or spent). Ask for a shorter one."
    )
    over = judge_lease(Decimal(1), replace(limits("5"), run_used_usd=Decimal(7)), priced="g5.xlarge")
    assert over is not None
    assert "more than the $0.00 that is left" in over.message


def test_a_lease_is_judged_by_the_day() -> None:
    assert judge_lease(Decimal(1), limits(), priced="g5.xlarge") is None
    assert judge_lease(Decimal(1), limits(None, "5", "4"), priced="g5.xlarge") is None
    assert judge_lease(None, limits(), priced="g5.xlarge") is None
    refusal = judge_lease(Decimal("1.5"), limits(None, "5", "4"), priced="g5.xlarge")
    assert refusal is not None
    assert refusal.message == (
        "the lease is refused: it costs $1.50, more than the $1.00 that is left of today's daily_budget_usd"
        " ($5.00, $4.00 reserved or spent; UTC). Ask for a shorter one."
    )
    refusal = judge_lease(None, limits(None, "5", "4"), priced="x9.mega")
    assert refusal is not None
    assert "the price of x9.mega is not known" in refusal.message


def test_the_error_survives_a_process_boundary() -> None:
    refusal = judge_run(run(repository("a")), limits("0.5"))
    assert refusal is not None
    error = pickle.loads(pickle.dumps(BudgetRefusedError(refusal.message, refusal)))
    assert str(error) == refusal.message
    assert error.refusal == refusal


prices = st.decimals(Decimal("0.01"), Decimal(60), places=4)
estimates = st.builds(
    lambda shapes: run(
        *(
            repository(f"r{number}", minutes, {f"g5.t{index}": price for index, price in enumerate(by_type)})
            for number, (minutes, by_type) in enumerate(shapes)
        )
    ),
    st.lists(st.tuples(st.integers(1, 300), st.lists(prices, min_size=1, max_size=3)), min_size=1, max_size=8),
)


@given(estimate=estimates, available=st.decimals(Decimal("0.01"), Decimal(2000), places=2))
def test_what_is_said_to_fit_is_accepted_and_the_next_larger_is_not(estimate: RunEstimate, available: Decimal) -> None:
    allowed = limits(str(available))
    refusal = judge_run(estimate, allowed)
    wanted = estimate.worst_case_usd
    assert wanted is not None
    assert (refusal is None) == (wanted <= available)
    if refusal is None:
        return
    fits = refusal.fits
    first = len(fits.repositories)
    assert first == 0 or judge_run(run(*estimate.repositories[:first]), allowed) is None
    assert judge_run(run(*estimate.repositories[: first + 1]), allowed) is not None
    for minutes, fitting in ((fits.timeout_minutes, True), ((fits.timeout_minutes or 0) + 1, False)):
        if minutes:
            shorter = [
                repository(
                    each.repository_name, min(each.timeout / timedelta(minutes=1), minutes), each.usd_hour_by_type
                )
                for each in estimate.repositories
            ]
            assert (judge_run(run(*shorter), allowed) is None) == fitting
