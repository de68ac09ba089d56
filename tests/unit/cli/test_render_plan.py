"""The plan with its price, before anything is launched: short, and its lines add up."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from janitor.cli.render.runs.plan import plan_question, plan_text
from janitor.domain.config.workers import parse_workers_config
from janitor.domain.money.budget import RepositoryEstimate
from janitor.services.money.expected import RepositoryForecast, RunForecast
from janitor.stores.costs import UsualTime

PRICE = Decimal("1.006")


def forecast_of(count: int, *, usual: bool = True, price: Decimal | None = PRICE, market: str = "on-demand"):
    lines = "".join(f"  - {{name: worker-{n}, organization: acme, prompt: go}}\n" for n in range(1, count + 1))
    config = parse_workers_config(
        f"fallback_instance_types: [g6.xlarge]\ndefault_market: {market}\nrepositories:\n{lines}", source="x.yaml"
    )
    each = [
        RepositoryForecast(
            plan=plan,
            estimate=RepositoryEstimate(
                repository_name=plan.name,
                usd_hour_by_type={"g5.xlarge": price, "g6.xlarge": Decimal("0.8048")},
                timeout=plan.timeout,
                overtime=timedelta(minutes=4),
                volume_gib=100,
                volume_usd_gib_month=Decimal("0.08"),
            ),
            usual=UsualTime(median=timedelta(minutes=6, seconds=number), times=3) if usual else None,
        )
        for number, plan in enumerate(config.plan())
    ]
    worst = [one.estimate.worst_case_usd for one in each]
    known = [amount for amount in worst if amount is not None]
    return RunForecast(
        repositories=tuple(each),
        worst_case_usd=sum(known, Decimal(0)) if len(known) == len(worst) else None,
        unpriced=("g5.xlarge",) if price is None else (),
    )


def test_each_repository_has_its_types_its_expected_and_its_worst_case():
    text = plan_text(forecast_of(2), is_local=False, region="us-east-1").splitlines()
    assert text[0] == "Plan: 2 repositories in us-east-1"
    assert re.fullmatch(
        r"  worker-1: g5\.xlarge \$1\.006/h or g6\.xlarge \$0\.8048/h;"
        r" at the worst \$0\.\d+, expected \$0\.\d+ \(6m0s\)",
        text[1],
    )
    assert len(text) == 4
    assert text[3].startswith("Sum: at the worst $1.")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_the_lines_add_up_to_the_sums(count):
    *lines, total = plan_text(forecast_of(count), is_local=False, region="us-east-1").splitlines()[1:]
    for word in ("at the worst", "expected"):
        amounts = [Decimal(re.findall(rf"{word} \$([0-9.]+)", line)[0]) for line in lines]
        assert sum(amounts) == Decimal(re.findall(rf"{word} \$([0-9.]+)", total)[0])


def test_of_many_ten_have_a_line():
    text = plan_text(forecast_of(25), is_local=False, region="us-east-1").splitlines()
    assert len(text) == 13
    assert text[-2] == "  … and 15 repositories more"


def test_what_isnt_known_is_said():
    text = plan_text(forecast_of(1, usual=False), is_local=False, region="us-east-1")
    assert "no verdict yet to expect from" in text
    assert "expected $" not in text
    some = forecast_of(2)
    some = replace(some, repositories=(some.repositories[0], replace(some.repositories[1], usual=None)))
    assert plan_text(some, is_local=False, region="x").endswith(" without 1 repository")
    text = plan_text(forecast_of(1, price=None), is_local=False, region="us-east-1")
    assert "g5.xlarge price unknown or g6.xlarge" in text
    assert "at the worst unknown" in text
    assert "$1.006/h or g6.xlarge $0.8048/h at most, spot; " in plan_text(
        forecast_of(1, market="spot"), is_local=False, region="x"
    )


def test_where_nothing_is_paid_it_is_one_line():
    text = plan_text(forecast_of(12), is_local=True, region="us-east-1")
    assert "\n" not in text
    assert text.startswith("Plan: 12 repositories, at the worst $")
    assert text.endswith("; nothing is paid here")


@pytest.mark.parametrize(
    ("limit", "price", "asked"),
    [
        (None, PRICE, None),
        (None, None, None),
        (Decimal("5"), PRICE, None),
        (Decimal("0.5"), PRICE, "At the worst this costs $0.58, above confirm_above_usd ($0.50). Launch?"),
        (Decimal("0"), PRICE, "At the worst this costs $0.58, above confirm_above_usd ($0.00). Launch?"),
        (Decimal("5"), None, "It isn't known what this costs at the worst (no price of g5.xlarge)"),
    ],
)
def test_it_is_asked_above_the_limit_and_where_the_worst_isnt_known(limit, price, asked):
    question = plan_question(forecast_of(1, price=price), limit)
    assert (question is None) == (asked is None)
    if asked is not None and question is not None:
        assert question.startswith(asked)
