"""What a pool promises of its machines is checked, each promise for itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from janitor.domain.pool.account import STARTS_WITHIN, AccountedMachine, AccountedTurn, what_differs

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def turn(number: int, usd: str | None = "0.25", took: timedelta | None = timedelta(seconds=1)) -> AccountedTurn:
    return AccountedTurn(
        validation_id=UUID(int=number),
        repository=f"tests/worker-{number}",
        queued_at=AT,
        claimed_at=AT,
        started_at=None if took is None else AT + took,
        ended_at=AT + timedelta(minutes=1),
        share_usd=None if usd is None else Decimal(usd),
    )


def machine(number: int, *turns: AccountedTurn, usd: str | None = "0.50") -> AccountedMachine:
    return AccountedMachine(
        worker_id=UUID(int=number),
        ledger_id=number,
        instance_id=f"i-{number}",
        instance_type="g5.xlarge",
        requested_at=AT,
        ready_at=AT,
        is_over=True,
        cost_usd=None if usd is None else Decimal(usd),
        turns=turns,
    )


GOOD = machine(1, turn(1, took=timedelta(minutes=1)), turn(2))


def test_nothing_differs_where_all_was_kept() -> None:
    assert what_differs([GOOD, machine(2, turn(3), turn(4))], tasks=4, most_machines=2) == []


def test_a_machine_that_was_never_launched_counts_as_none() -> None:
    wish = replace(machine(2, usd=None), instance_id=None, is_over=False)
    assert what_differs([GOOD, wish], tasks=2, most_machines=1) == []


def test_a_machine_that_had_no_turn_is_paid_by_nobody() -> None:
    assert what_differs([GOOD, machine(2)], tasks=2, most_machines=2) == []


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        ([GOOD, machine(2)], "2 machines were launched, and 1 are the most"),
        ([machine(1, turn(1), usd="0.25")], "1 of 2 validations had a turn, 1 turns altogether"),
        (
            [machine(1, turn(1), turn(2), turn(2, usd="0.00"))],
            "2 of 2 validations had a turn, 3 turns altogether",
        ),
        ([machine(1, turn(1), turn(2, took=STARTS_WITHIN))], "tests/worker-2 started 5.0 s after its claim"),
        ([machine(1, turn(1), turn(2, took=None))], "tests/worker-2 was never seen to start"),
        ([machine(1, turn(1), turn(2), usd="0.500001")], "the shares in i-1 add up to 0.50 USD, and it cost 0.500001"),
        ([machine(1, turn(1, usd=None), turn(2, usd=None), usd=None)], "what i-1 cost isn't known"),
        ([replace(GOOD, is_over=False)], "i-1 isn't over, says the ledger"),
    ],
)
def test_each_broken_promise_is_told(machines: list[AccountedMachine], said: str) -> None:
    (told,) = what_differs(machines, tasks=2, most_machines=1)
    assert told.startswith(said)
