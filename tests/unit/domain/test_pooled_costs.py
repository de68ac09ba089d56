"""What a pool's machine cost, shared out among the validations that had turns on it: all of it, and no more."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.money.pooled import MachineTurn, busy_times, share_out

BASE = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
MILLIONTH = Decimal("0.000001")

ids = st.uuids()
moments = st.integers(-600_000_000, 7_200_000_000).map(lambda us: BASE + timedelta(microseconds=us))
busy_by_validation = st.dictionaries(ids, st.timedeltas(timedelta(), timedelta(hours=4)), max_size=20)
totals = st.integers(0, 10**9).map(lambda millionths: Decimal(millionths) / 1_000_000)
turns = st.builds(MachineTurn, validation_id=ids, began_at=moments, ended_at=st.none() | moments)


def at(minutes: float) -> datetime:
    return BASE + timedelta(minutes=minutes)


@given(total=totals, busy=busy_by_validation)
def test_the_shares_and_what_the_pool_bears_are_the_bill(total: Decimal, busy: dict[UUID, timedelta]) -> None:
    bill = share_out(total, busy)
    assert bill.shares.keys() == busy.keys()
    known = [share for share in bill.shares.values() if share is not None]
    assert len(known) == len(busy)
    assert bill.own_usd is not None
    assert sum(known, Decimal(0)) + bill.own_usd == total
    assert all(share >= 0 for share in known)
    whole = sum(busy.values(), timedelta())
    if whole:
        assert bill.own_usd == 0
        for validation_id, share in bill.shares.items():
            assert share is not None
            exact = total * Decimal(busy[validation_id] // timedelta(microseconds=1))
            assert abs(share - exact / (whole // timedelta(microseconds=1))) < MILLIONTH
    else:
        assert bill.own_usd == total


@given(total=totals, busy=busy_by_validation, seed=st.integers())
def test_the_order_makes_no_difference(total: Decimal, busy: dict[UUID, timedelta], seed: int) -> None:
    shuffled = list(busy.items())
    random.Random(seed).shuffle(shuffled)
    assert share_out(total, dict(shuffled)) == share_out(total, busy)


@given(total=totals, busy=busy_by_validation)
def test_who_was_not_busy_pays_nothing(total: Decimal, busy: dict[UUID, timedelta]) -> None:
    bill = share_out(total, busy)
    assert all(not bill.shares[validation_id] for validation_id, spent in busy.items() if not spent)


@given(had=st.lists(turns, max_size=12), launched=moments, lived=st.timedeltas(timedelta(), timedelta(hours=2)))
def test_nobody_is_busy_before_or_after_the_machine(
    had: list[MachineTurn], launched: datetime, lived: timedelta
) -> None:
    busy = busy_times(had, launched_at=launched, over_at=launched + lived)
    assert busy.keys() == {turn.validation_id for turn in had}
    for validation_id, spent in busy.items():
        count = sum(turn.validation_id == validation_id for turn in had)
        assert timedelta() <= spent <= lived * count
    assert busy == busy_times(reversed(had), launched_at=launched, over_at=launched + lived)


def test_an_open_turn_goes_on_to_the_end() -> None:
    first, second = UUID(int=1), UUID(int=2)
    had = [
        MachineTurn(validation_id=first, began_at=at(2), ended_at=at(12)),
        MachineTurn(validation_id=second, began_at=at(15), ended_at=None),
    ]
    assert busy_times(had, launched_at=BASE, over_at=at(20)) == {
        first: timedelta(minutes=10),
        second: timedelta(minutes=5),
    }


def test_boot_and_waiting_are_paid_by_who_was_busy() -> None:
    """An hour, of which half was boot and waiting: who was busy for 20 minutes pays for 40."""
    first, second = UUID(int=1), UUID(int=2)
    bill = share_out(Decimal("1.006001"), {first: timedelta(minutes=20), second: timedelta(minutes=10)})
    assert bill.shares == {first: Decimal("0.670667"), second: Decimal("0.335334")}


@pytest.mark.parametrize("busy", [{}, {UUID(int=1): timedelta()}])
def test_a_machine_that_served_nothing_is_the_pools_own(busy: dict[UUID, timedelta]) -> None:
    bill = share_out(Decimal("0.25"), busy)
    assert bill.own_usd == Decimal("0.25")
    assert not any(bill.shares.values())


def test_what_is_not_known_is_not_zero() -> None:
    busy = {UUID(int=1): timedelta(minutes=1), UUID(int=2): timedelta()}
    bill = share_out(None, busy)
    assert bill.shares == dict.fromkeys(busy)
    assert bill.own_usd == 0
    assert share_out(None, {}).own_usd is None
