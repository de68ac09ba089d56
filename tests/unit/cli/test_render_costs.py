"""Estimates and waste as text, at the edges that a real database seldom shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from janitor.cli.render.instances.waste import waste_text
from janitor.cli.render.runs.estimate import estimate_text
from janitor.domain.money.budget import BudgetLimits, PoolEstimate, RepositoryEstimate, RunEstimate
from janitor.domain.money.costs import InstancePhase
from janitor.domain.states import InstanceOrigin
from janitor.services.money.estimate import CheckedEstimate
from janitor.services.money.waste import PhaseTotal, UnexplainedTime, WasteReport
from janitor.views.estimate import estimate_dict
from janitor.views.waste import waste_dict

SINCE = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_an_unknown_price_is_said_to_be_unknown() -> None:
    repository = RepositoryEstimate(
        repository_name="worker-a",
        usd_hour_by_type={"x9.mega": None, "p5.48xlarge": Decimal("55.04")},
        timeout=timedelta(minutes=55),
        overtime=timedelta(minutes=5),
        volume_gib=100,
        volume_usd_gib_month=Decimal("0.08"),
    )
    checked = CheckedEstimate(
        config_path="c\x1b[31m.yaml",
        estimate=RunEstimate(repositories=(repository,), prices_source="infra/prices.yaml", region="us-east-1"),
        limits=BudgetLimits(run_usd=None, daily_usd=None),
        refusal=None,
    )
    assert estimate_text(checked).splitlines() == [
        "c.yaml: 1 repository, at the worst in us-east-1 (prices: infra/prices.yaml)",
        "",
        "  worker-a: x9.mega price unknown, p5.48xlarge $55.04/h; 1.00 h; unknown",
        "Total: 1 instance, 1.00 h, unknown",
        "",
        "Run: no limit (max_run_cost_usd is not set)",
        "Day: no limit (daily_budget_usd is not set)",
        "✓ accepted: there is no budget",
    ]
    answer = estimate_dict(checked)
    assert (answer["worst_case_usd"], answer["unpriced"], answer["accepted"]) == (None, ["x9.mega"], True)


def report(*unexplained: UnexplainedTime, without_price: int = 0) -> WasteReport:
    nothing = PhaseTotal(duration=timedelta(), usd=Decimal(0))
    test = PhaseTotal(duration=timedelta(minutes=9), usd=Decimal("0.18"))
    return WasteReport(
        since=SINCE,
        instances=1,
        instances_without_price=without_price,
        total=test,
        phases={phase: test if phase is InstancePhase.TEST else nothing for phase in InstancePhase},
        unexplained=unexplained,
    )


def test_an_estimate_says_what_pools_validate() -> None:
    own = RepositoryEstimate(
        repository_name="worker-a",
        usd_hour_by_type={"g5.xlarge": Decimal(1)},
        timeout=timedelta(minutes=55),
        overtime=timedelta(minutes=5),
        volume_gib=0,
        volume_usd_gib_month=Decimal("0.08"),
    )
    pooled = replace(own, repository_name="worker-b", pool="gpu")
    estimate = RunEstimate(repositories=(own, pooled), prices_source="p.yaml", region="us-east-1")
    checked = CheckedEstimate(
        config_path="c.yaml", estimate=estimate, limits=BudgetLimits(run_usd=None, daily_usd=None), refusal=None
    )
    lines = estimate_text(checked).splitlines()
    assert [line.partition("; pool ")[2] for line in lines[2:4]] == ["", "gpu"]
    assert lines[4] == (
        "Total: 1 instance and 1 on pools' machines, which are paid for when they are launched, 2.00 h, $2.00"
    )
    told = estimate_dict(checked)
    assert (told["worst_case_usd"], told["set_aside_usd"]) == ("2.0000", "1.0000")
    assert [each["pool"] for each in told["repositories"]] == [None, "gpu"]


def test_an_estimate_says_what_a_pool_s_machines_may_cost() -> None:
    own = RepositoryEstimate(
        repository_name="gpu",
        usd_hour_by_type={"g5.xlarge": Decimal(1)},
        timeout=timedelta(minutes=235),
        overtime=timedelta(minutes=5),
        volume_gib=0,
        volume_usd_gib_month=Decimal("0.08"),
    )
    few = PoolEstimate(machine=own, machines=1, daily_usd=Decimal(3))
    unpriced = PoolEstimate(machine=replace(own, usd_hour_by_type={"x": None}), machines=4, daily_usd=None)
    checked = CheckedEstimate(
        config_path="c.yaml",
        estimate=RunEstimate(repositories=(replace(own, pool="gpu"),), prices_source="p.yaml", region="us-east-1"),
        limits=BudgetLimits(run_usd=None, daily_usd=None),
        refusal=None,
        pools=(few, unpriced),
    )
    assert [line for line in estimate_text(checked).splitlines() if line.startswith("Pool ")] == [
        "Pool gpu: g5.xlarge $1/h; at most 1 machine at once, each 4.00 h; $4.00, whoever they work for, of which $3.00"
        " a day at most",
        "Pool gpu: x price unknown; at most 4 machines at once, each 4.00 h; unknown, whoever they work for",
    ]
    told = estimate_dict(checked)["pools"]
    assert [(each["machines"], each["worst_case_usd"]) for each in told] == [(1, "4.0000"), (4, None)]


def test_waste_without_anything_unexplained() -> None:
    text = waste_text(report())
    assert text.startswith("1 instance since 2026-01-01 00:00:00 UTC\n")
    assert text.endswith("\n\n✓ every instance-second is explained")


def test_a_live_adopted_instance_without_price() -> None:
    found = UnexplainedTime(
        instance_id="i-1",
        instance_type="g5.xlarge",
        origin=InstanceOrigin.ADOPTED,
        repository_name=None,
        run_id=None,
        pool=None,
        launched_at=SINCE,
        stopped_at=None,
        unexplained=timedelta(milliseconds=20),
        usd=None,
        because="Janitor did not launch it",
        ended_by=None,
        termination_reason=None,
        termination_detail=None,
        state_reason=None,
        notices="spot_warning: \x1b[31mgone",
    )
    text = waste_text(report(found, without_price=1))
    assert "The price of 1 of them is not known; their dollars are missing." in text
    assert text.splitlines()[-1] == (
        "✗ i-1 (g5.xlarge) of no repository: less than 1s; Janitor did not launch it;"
        " alive since 2026-01-01 00:00:00 UTC; spot_warning: gone"
    )
    (line,) = waste_dict(report(found))["unexplained"]
    assert (line["usd"], line["stopped_at"], line["origin"]) == (None, None, "adopted")
    pooled = replace(found, pool="gpu", because="it was never ready for a task", notices=None)
    assert waste_text(report(pooled)).splitlines()[-1] == (
        "✗ i-1 (g5.xlarge) of pool gpu: less than 1s; it was never ready for a task;"
        " alive since 2026-01-01 00:00:00 UTC"
    )
    (line,) = waste_dict(report(pooled))["unexplained"]
    assert line["pool"] == "gpu"
