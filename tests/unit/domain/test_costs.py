"""Phases of an instance's time, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from janitor.domain.money.costs import (
    CHECK_PHASES,
    InstancePhase,
    InstanceTimes,
    PoolTimes,
    TurnTimes,
    cost_of,
    instance_cost,
    phases_of,
    worst_case,
)
from janitor.protocol.terms.statuses import CheckName
from janitor.validator.pipeline.order import CLEANUP, PIPELINE, Phase

BASE = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def at(minutes: float) -> datetime:
    return BASE + timedelta(minutes=minutes)


WHOLE = InstanceTimes(
    launched_at=BASE,
    stopped_at=at(20),
    expires_at=at(32),
    command_started_at=at(3),
    command_ended_at=at(18),
    checks=(
        ("checkout", (at(4), at(5))),
        ("build", (at(5), at(10))),
        ("handler_local", (at(10), at(15))),
        ("cleanup", (at(16), at(17))),
    ),
)


def minutes_of(times: InstanceTimes, now: datetime = BASE) -> dict[str, float]:
    """The phases that have any time, in minutes."""
    return {
        phase.value: duration / timedelta(minutes=1) for phase, duration in phases_of(times, now).items() if duration
    }


def test_a_validation_that_went_well_is_explained_whole() -> None:
    assert minutes_of(WHOLE) == {"boot": 3, "build": 6, "test": 6, "idle": 3, "after_finish": 2}


@pytest.mark.parametrize(
    ("changes", "phases"),
    [
        ({"checks": None}, {"boot": 3, "unexplained": 15, "after_finish": 2}),
        ({"command_started_at": None, "command_ended_at": None}, {"unexplained": 20}),
        ({"command_ended_at": None}, {"boot": 3, "build": 6, "test": 6, "unexplained": 5}),
        ({"expires_at": at(17.5)}, {"boot": 3, "build": 6, "test": 6, "idle": 2.5, "unexplained": 2.5}),
        ({"expires_at": at(12)}, {"boot": 3, "build": 6, "test": 2, "idle": 1, "unexplained": 8}),
        (
            {"leases": ((at(18.5), at(30)),)},
            {"boot": 3, "build": 6, "test": 6, "idle": 3, "after_finish": 0.5, "kept": 1.5},
        ),
        (
            {"stopped_at": at(60), "leases": ((at(17), at(50)),)},
            {"boot": 3, "build": 6, "test": 6, "idle": 3, "kept": 32, "unexplained": 10},
        ),
        ({"launched_by_us": False, "command_started_at": None, "checks": None}, {"unexplained": 20}),
        ({"stopped_at": BASE}, {}),
        ({"stopped_at": at(2)}, {"boot": 2}),
        ({"checks": (("build", (at(0), at(100))),)}, {"boot": 3, "build": 15, "after_finish": 2}),
        ({"checks": (("of_tomorrow", (at(4), at(5))),)}, {"boot": 3, "test": 1, "idle": 14, "after_finish": 2}),
    ],
)
def test_what_is_missing_is_unexplained(changes: dict[str, object], phases: dict[str, float]) -> None:
    assert minutes_of(replace(WHOLE, **changes)) == phases


@pytest.mark.parametrize(
    ("now", "changes", "phases"),
    [
        (2, {"command_started_at": None, "command_ended_at": None, "checks": None}, {"boot": 2}),
        (10, {"command_ended_at": None, "checks": None}, {"boot": 3, "in_progress": 7}),
        (40, {"command_ended_at": None, "checks": None}, {"boot": 3, "in_progress": 29, "unexplained": 8}),
        (19, {}, {"boot": 3, "build": 6, "test": 6, "idle": 3, "after_finish": 1}),
        (5, {"launched_by_us": False, "command_started_at": None, "checks": None}, {"unexplained": 5}),
    ],
)
def test_one_that_lives_is_reckoned_to_now(now: float, changes: dict[str, object], phases: dict[str, float]) -> None:
    assert minutes_of(replace(WHOLE, stopped_at=None, **changes), at(now)) == phases


TWO_TURNS = replace(
    WHOLE,
    command_started_at=at(3),
    command_ended_at=at(4),
    pool=PoolTimes(
        ready_at=at(3),
        turns=(
            TurnTimes(span=(at(4), at(11)), has_report=True),
            TurnTimes(span=(at(12), at(18)), has_report=True),
        ),
    ),
)
"""A machine of a pool: the build was the first turn's, and the test went from the one to the other."""


def test_a_pools_machine_boots_works_and_waits() -> None:
    """Whatever the row says of a command; what nobody was busy in is no time that nothing explains."""
    assert minutes_of(TWO_TURNS) == {"boot": 3, "build": 6, "test": 6, "idle": 5}


@pytest.mark.parametrize(
    ("pool", "changes", "phases"),
    [
        # It could take a task, and none came.
        (PoolTimes(ready_at=at(3)), {"checks": None}, {"boot": 3, "idle": 17}),
        # It never could.
        (PoolTimes(ready_at=None), {"checks": None}, {"unexplained": 20}),
        (PoolTimes(ready_at=None), {"checks": None, "stopped_at": None}, {"boot": 20}),
        # Nothing says what the second turn went into; while the machine lives, its report may come.
        (
            PoolTimes(
                ready_at=at(4),
                turns=(
                    TurnTimes(span=(at(4), at(8)), has_report=True),
                    TurnTimes(span=(at(9), at(18)), has_report=False),
                ),
            ),
            {"checks": (("build", (at(4), at(8))),)},
            {"boot": 4, "build": 4, "idle": 3, "unexplained": 9},
        ),
        (
            PoolTimes(ready_at=at(4), turns=(TurnTimes(span=(at(9), at(20)), has_report=False),)),
            {"checks": None, "stopped_at": None},
            {"boot": 4, "idle": 5, "in_progress": 11},
        ),
        # A debug lease holds it when nobody works on it; and past its expiry nothing explains it.
        (
            PoolTimes(ready_at=at(2), turns=(TurnTimes(span=(at(4), at(8)), has_report=True),)),
            {"checks": None, "leases": ((at(6), at(11)),), "expires_at": at(18)},
            {"boot": 2, "idle": 13, "kept": 3, "unexplained": 2},
        ),
    ],
)
def test_a_pools_machine_at_the_edges(pool: PoolTimes, changes: dict[str, object], phases: dict[str, float]) -> None:
    assert minutes_of(replace(WHOLE, pool=pool, **changes), at(20)) == phases


def test_each_check_has_the_phase_of_the_validator_s_pipeline() -> None:
    """The validator knows checkout and static checks as phases of their own; here they are part of the build."""
    expected = {
        step.name.value: InstancePhase.TEST if step.phase is Phase.TEST else InstancePhase.BUILD
        for step in (*PIPELINE, CLEANUP)
    }
    assert expected == CHECK_PHASES
    assert set(CHECK_PHASES) == {name.value for name in CheckName}


def test_a_minute_is_the_least_and_seconds_are_begun_in_full() -> None:
    def cost(running: timedelta) -> Decimal | None:
        return instance_cost(
            running=running, existing=running, usd_hour=Decimal(36), volume_gib=0, volume_usd_gib_month=Decimal(1)
        )

    assert cost(timedelta(seconds=5)) == Decimal("0.6")
    assert cost(timedelta(seconds=60, microseconds=1)) == Decimal("0.61")
    assert cost(timedelta(hours=1)) == 36


def test_the_volume_costs_to_the_end() -> None:
    hour = timedelta(hours=1)
    cost = instance_cost(
        running=hour, existing=2 * hour, usd_hour=Decimal(1), volume_gib=720, volume_usd_gib_month=Decimal("0.5")
    )
    assert cost == 2


@pytest.mark.parametrize("missing", ["usd_hour", "volume_gib", "volume_usd_gib_month"])
def test_an_unknown_price_is_never_zero(missing: str) -> None:
    known = {"usd_hour": Decimal(1), "volume_gib": 1, "volume_usd_gib_month": Decimal(1), missing: None}
    assert cost_of(timedelta(hours=1), **known) is None
    assert instance_cost(running=timedelta(hours=1), existing=timedelta(hours=1), **known) is None


def test_the_worst_case_is_rounded_up() -> None:
    arguments = {"volume_gib": 0, "volume_usd_gib_month": Decimal("0.08")}
    assert worst_case(usd_hour=Decimal("0.526"), lifetime=timedelta(minutes=37), **arguments) == Decimal("0.3244")
    assert worst_case(usd_hour=Decimal(6), lifetime=timedelta(seconds=1), **arguments) == Decimal("0.1")
