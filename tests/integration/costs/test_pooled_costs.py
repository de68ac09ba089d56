"""Who pays for a pool's machines: the views follow the rules, and all that is paid is all that they cost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from janitor.domain.money.costs import InstancePhase, InstanceTimes, phases_of, seconds_of
from janitor.domain.money.pooled import busy_times, share_out
from janitor.stores import costs as store
from janitor.stores.costs import Cost
from janitor.stores.queries import named_queries
from tests.integration.costs.pooled_machines import (
    HeldTurn,
    Machine,
    at,
    insert_machine,
    insert_turn,
    machines,
    plain_turn,
    planned_four,
)
from tests.integration.costs.test_cost_views import BASE, PRICE, insert_instance
from tests.support.postgres import TestDatabase

RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TWO_TURNS = Machine(
    launched_at=BASE,
    stopped_at=at(60),
    expires_at=at(240),
    ready_at=at(4),
    turns=[plain_turn(0, 5, 25), plain_turn(1, 30, 40)],
)
"""An hour for two: the one was busy for 20 minutes, the other for 10."""


@pytest.fixture(scope="module")
def planned(database: TestDatabase) -> tuple[UUID, list[UUID]]:
    """A run of four repositories."""
    return planned_four(database.writer_url)


@pytest.fixture(scope="module")
def other(database: TestDatabase) -> tuple[UUID, list[UUID]]:
    """Another run of the same four."""
    return planned_four(database.writer_url)


def rows(connection: psycopg.Connection[DictRow], statement: str, *values: object) -> list[DictRow]:
    return connection.execute(statement.encode(), values).fetchall()


def only(connection: psycopg.Connection[DictRow], statement: str, *values: object) -> DictRow:
    (row,) = rows(connection, statement, *values)
    return row


@given(machine=machines())
@RANDOM
def test_sql_and_python_agree_on_a_pools_machine(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, list[UUID]], machine: Machine
) -> None:
    _, validations = planned
    with owner.transaction(force_rollback=True):
        ledger_id = insert_machine(owner, validations, machine)
        row = only(
            owner,
            "select s.*, b.total_usd, now() as now from instance_seconds s join instance_bills b using (ledger_id)"
            " where s.ledger_id = %s",
            ledger_id,
        )
        shares = rows(owner, "select * from pool_shares where ledger_id = %s", ledger_id)
        own = rows(owner, "select total_usd from bills where ledger_id = %s and not is_share", ledger_id)

    phases = phases_of(machine.times(row["now"]), row["now"])
    assert {phase: row[f"{phase.value}_seconds"] for phase in InstancePhase} == {
        phase: seconds_of(duration) for phase, duration in phases.items()
    }
    assert sum(phases.values(), timedelta()) == timedelta(microseconds=int(row["total_seconds"] * 1_000_000))

    over_at = machine.stopped_at or max(row["now"], machine.launched_at)
    busy = busy_times(machine.held(validations), launched_at=machine.launched_at, over_at=over_at)
    bill = share_out(row["total_usd"], busy)
    assert {share["validation_id"]: share["usd"] for share in shares} == bill.shares
    assert {share["validation_id"]: share["busy_seconds"] for share in shares} == {
        validation_id: seconds_of(spent) for validation_id, spent in busy.items()
    }
    assert [each["total_usd"] for each in own] == ([] if any(busy.values()) else [bill.own_usd])


@given(
    pooled=st.lists(machines(has_reports=False), max_size=4),
    alone=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([PRICE, PRICE, None])), max_size=2),
    sequential=st.booleans(),
    found=st.booleans(),
    is_kept=st.booleans(),
)
@RANDOM
def test_what_is_paid_is_what_all_machines_cost(
    owner: psycopg.Connection[DictRow],
    planned: tuple[UUID, list[UUID]],
    other: tuple[UUID, list[UUID]],
    *,
    pooled: list[Machine],
    alone: list[tuple[int, Decimal | None]],
    sequential: bool,
    found: bool,
    is_kept: bool,
) -> None:
    """Machines that serve two runs or nothing, that live, or whose price isn't known; beside those of one owner."""
    deployment = f"fleet-{uuid4().hex[:8]}"
    (run, first), (other_run, second) = planned, other
    mixed = [first[0], second[1], first[2], second[3]]
    whose = dict.fromkeys(first, run) | dict.fromkeys(second, other_run)
    life = InstanceTimes(launched_at=BASE, stopped_at=at(17), expires_at=at(60))
    with owner.transaction(force_rollback=True):
        ledger = {insert_machine(owner, mixed, machine, deployment): machine for machine in pooled}
        for generation, (number, price) in enumerate(alone, start=1):
            columns = {"deployment": deployment, "generation": generation, "price_usd_hour": price}
            insert_instance(owner, mixed[number], whose[mixed[number]], life, **columns)
        for is_there, kind in ((sequential, "run"), (found, None)):
            if is_there:
                insert_of_nobody(owner, deployment, kind, run)
        if is_kept:
            store.keep_costs(owner, deployment, count=100)
        bills = rows(owner, "select *, now() as now from instance_bills where deployment = %s", deployment)
        paid = rows(owner, "select * from bills where deployment = %s", deployment)
        by_day = rows(owner, "select * from cost_by_day_and_repository where deployment = %s", deployment)
        by_repository = list(
            named_queries().cost_by_repository(owner, deployment=deployment, since=at(-1000), most=100)
        )
        of_pools = rows(owner, "select * from pool_cost where deployment = %s", deployment)
        of_validations = store.costs_of_validations(owner, mixed)
        of_runs = store.costs_of_runs(owner, [run, other_run])
        parts = list(named_queries().cost_parts_of_runs(owner, run_ids=[run, other_run]))
        told = {
            row["validation_id"]: row["cost_usd"]
            for row in rows(owner, "select validation_id, cost_usd from validation_overview where run_id = %s", run)
        }
        summary = only(owner, "select cost_usd from run_summary where run_id = %s", run)

    # Each machine is paid for to the millionth, and where its price isn't known nobody is told an amount.
    by_machine: dict[int, list[Decimal | None]] = defaultdict(list)
    for bill in paid:
        by_machine[bill["ledger_id"]].append(bill["total_usd"])
    assert by_machine.keys() == {bill["ledger_id"] for bill in bills}
    for bill in bills:
        amounts = by_machine[bill["ledger_id"]]
        assert added(amounts) == bill["total_usd"]
        assert bill["total_usd"] is not None or amounts == [None] * len(amounts)

    # What validations and runs cost is what the rules say of each machine.
    expected: dict[UUID, list[tuple[Decimal | None, bool]]] = defaultdict(list)
    for bill in bills:
        machine = ledger.get(bill["ledger_id"])
        if machine is None:
            payer = bill["validation_id"] or bill["run_id"]
            shares: dict[UUID, Decimal | None] = {} if payer is None else {payer: bill["total_usd"]}
        else:
            over_at = machine.stopped_at or max(bill["now"], machine.launched_at)
            busy = busy_times(machine.held(mixed), launched_at=machine.launched_at, over_at=over_at)
            shares = dict(share_out(bill["total_usd"], busy).shares)
        for payer, usd in shares.items():
            expected[payer].append((usd, bill["ended_at"] is None))
            if payer in whose:
                expected[whose[payer]].append((usd, bill["ended_at"] is None))
    costs = {
        payer: Cost(usd=added([usd for usd, _ in each]), is_final=not any(on for _, on in each))
        for payer, each in expected.items()
    }
    assert of_validations == {payer: cost for payer, cost in costs.items() if payer in whose}
    assert of_runs == {payer: cost for payer, cost in costs.items() if payer in (run, other_run)}
    nothing = Cost()
    assert sorted(part["usd"] for part in parts if part["usd"] is not None) == sorted(
        cost.usd for payer, cost in costs.items() if payer in whose and cost.usd is not None
    )
    assert told == {each: rounded(costs.get(each, nothing).usd) for each in first}
    assert summary["cost_usd"] == rounded(costs.get(run, nothing).usd)

    # Nothing is lost by day, by repository or by pool.
    known = sum((bill["total_usd"] for bill in bills if bill["total_usd"] is not None), Decimal(0))
    assert sum((row["total_usd"] or Decimal(0) for row in by_repository), Decimal(0)) == known
    assert abs(sum((row["cost_usd"] or Decimal(0) for row in by_day), Decimal(0)) - known) <= Decimal("0.00005") * len(
        by_day
    )
    unused = sum((row["unused_usd"] for row in of_pools), Decimal(0))
    own = [bill["total_usd"] or Decimal(0) for bill in paid if bill["ledger_id"] in ledger and not bill["is_share"]]
    assert abs(unused - sum(own, Decimal(0))) <= Decimal("0.00005") * len(of_pools)
    assert sum(row["unused_machines"] for row in of_pools) == len(own)
    assert sum((row["total_usd"] or Decimal(0) for row in by_repository if row["pool"]), Decimal(0)) == sum(own)


def added(amounts: list[Decimal | None]) -> Decimal | None:
    """Their sum; None where one of them isn't known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def rounded(usd: Decimal | None) -> Decimal | None:
    """As Postgres rounds to four places."""
    return None if usd is None else (usd + Decimal("0.00005")).quantize(Decimal("0.0001"), rounding="ROUND_FLOOR")


def insert_of_nobody(connection: psycopg.Connection[DictRow], deployment: str, kind: str | None, run_id: UUID) -> None:
    """Write an instance that is a sequential run's own, or one that Janitor found."""
    connection.execute(
        "insert into instances (owner_kind, owner_id, run_id, origin, deployment, generation, client_token, tags,"
        " instance_id, instance_type, market, state, termination_reason, launched_at, ended_at, deadline_at,"
        " expires_at, price_usd_hour, volume_gib, volume_usd_gib_month) values (%(kind)s, %(owner)s, %(owner)s,"
        " %(origin)s, %(deployment)s, 1, %(token)s, '{}', %(instance)s, 'g5.xlarge', 'on_demand', 'terminated',"
        " 'finished', %(from)s, %(to)s, %(to)s, %(to)s, 1, 0, 0)",
        {
            "kind": kind,
            "owner": run_id if kind else None,
            "origin": "launched" if kind else "adopted",
            "deployment": deployment,
            "token": uuid4().hex,
            "instance": f"i-{uuid4().hex[:17]}",
            "from": at(0),
            "to": at(7),
        },
    )


def test_a_share_goes_on_while_its_machine_lives(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, list[UUID]]
) -> None:
    """Whoever comes later takes a part of the boot over; whoever is long done is charged with the waiting since."""
    run_id, validations = planned
    lives = Machine(launched_at=BASE, stopped_at=None, expires_at=at(240), ready_at=at(4), turns=[plain_turn(0, 5, 25)])
    ledger_id = insert_machine(owner, validations, lives)
    total = only(owner, "select total_usd from instance_bills where ledger_id = %s", ledger_id)["total_usd"]
    assert store.costs_of_validations(owner, validations) == {validations[0]: Cost(usd=total, is_final=False)}
    assert store.costs_of_runs(owner, [run_id]) == {run_id: Cost(usd=total, is_final=False)}

    insert_turn(owner, validations[1], ledger_id, plain_turn(1, 30, 50))
    owner.execute(
        "update instances set state = 'terminated', termination_reason = 'finished', ended_at = %s"
        " where ledger_id = %s",
        (at(60), ledger_id),
    )
    total = only(owner, "select total_usd from instance_bills where ledger_id = %s", ledger_id)["total_usd"]
    found = store.costs_of_validations(owner, validations)
    assert all(cost.is_final for cost in found.values())
    shares = [cost.usd for cost in found.values()]
    assert added(shares) == total
    assert all(abs((share or 0) - total / 2) < Decimal("0.000002") for share in shares)


def test_a_machine_that_is_gone_keeps_its_bill_when_a_turn_comes_late(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, list[UUID]]
) -> None:
    """What its time went into is reckoned anew; no bill changes, and shares are never kept."""
    _, validations = planned
    untold = HeldTurn(validation=1, began_at=at(30), ended_at=at(40))
    ledger_id = insert_machine(owner, validations, replace(TWO_TURNS, turns=[TWO_TURNS.turns[0], untold]))
    assert store.keep_costs(owner, "test", count=1000) == 1
    bill = only(owner, "select * from instance_bills where ledger_id = %s", ledger_id)
    before = store.costs_of_validations(owner, validations)
    idle = only(owner, "select idle_seconds from instance_seconds where ledger_id = %s", ledger_id)["idle_seconds"]

    one = "where ledger_id = %(id)s and validation_id = %(last)s"
    for change, less in (
        (f"update turns set ended_at = began_at + interval '1 hour' {one}", 20),
        ("update workers set ready_at = ready_at - interval '1 minute' where deployment = 'test'", 19),
        (f"delete from turns {one}", -11),
        (
            "insert into turns (validation_id, ledger_id, began_at, ended_at)"
            " select %(last)s, %(id)s, %(from)s, %(to)s",
            -1,
        ),
    ):
        values = {"id": ledger_id, "last": validations[1], "from": at(30), "to": at(40)}
        owner.execute(change.encode(), values)
        kept = only(owner, "select costs_kept from instances where ledger_id = %s", ledger_id)["costs_kept"]
        assert not kept, change
        now = only(owner, "select * from instance_seconds where ledger_id = %s", ledger_id)
        assert now == only(owner, "select * from reckoned_seconds where ledger_id = %s", ledger_id)
        assert store.keep_costs(owner, "test", count=1000) == 1
        assert now == only(owner, "select * from instance_seconds where ledger_id = %s", ledger_id)
        assert (idle - now["idle_seconds"]) / 60 == less, change
        assert only(owner, "select * from instance_bills where ledger_id = %s", ledger_id) == bill
    assert store.costs_of_validations(owner, validations) == before
    # The start of its command is no part of anything.
    owner.execute(
        "update turns set command_started_at = now(), first_sign_at = now() where ledger_id = %s", (ledger_id,)
    )
    assert only(owner, "select costs_kept from instances where ledger_id = %s", ledger_id)["costs_kept"]


def test_a_usual_time_is_the_busy_one(owner: psycopg.Connection[DictRow], planned: tuple[UUID, list[UUID]]) -> None:
    _, validations = planned
    insert_machine(owner, validations, TWO_TURNS)
    owner.execute(
        "update repository_validations set status = 'failed', status_reason_code = 'x', launched_at = %s,"
        " finished_at = %s where validation_id = any(%s)",
        (at(5), at(40), validations[:2]),
    )
    usual = store.usual_times(
        owner, "test", [("acme", "worker-a"), ("acme", "worker-b"), ("acme", "worker-c")], last=10
    )
    assert [each and each.median for each in usual] == [timedelta(minutes=20), timedelta(minutes=10), None]


def test_the_phases_of_a_report_are_paid_by_the_second(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, list[UUID]]
) -> None:
    """By what a second of the machine cost: what the validation pays for boot and waiting is in none of them."""
    _, validations = planned
    ledger_id = insert_machine(owner, validations, TWO_TURNS)
    owner.execute(
        'update validation_reports set report = \'{"phases": {"build": 1200}}\' where validation_id = %s',
        (validations[0],),
    )
    phase = only(owner, "select * from validation_phases where validation_id = %s", validations[0])
    total = only(owner, "select total_usd from instance_bills where ledger_id = %s", ledger_id)["total_usd"]
    assert (phase["phase"], phase["usd"]) == ("build", round(total / 3, 6))
    share = store.costs_of_validations(owner, validations)[validations[0]].usd
    assert share is not None
    assert phase["usd"] < share


@pytest.mark.parametrize(
    ("changes", "unexplained", "because"),
    [
        ({}, 0, None),
        ({"turns": []}, 0, None),
        ({"turns": [], "ready_at": None}, 60, "it was never ready for a task"),
        (
            {"turns": [plain_turn(0, 5, 25), HeldTurn(validation=1, began_at=at(30), ended_at=at(40))]},
            10,
            "no report of acme/worker-b",
        ),
        ({"expires_at": at(50)}, 10, "alive 600 s past its expiry"),
    ],
)
def test_waste_knows_a_pools_machine(
    owner: psycopg.Connection[DictRow],
    planned: tuple[UUID, list[UUID]],
    changes: dict[str, Any],
    unexplained: int,
    because: str | None,
) -> None:
    _, validations = planned
    ledger_id = insert_machine(owner, validations, Machine(**{**TWO_TURNS.__dict__, **changes}))
    row = only(owner, "select * from waste where ledger_id = %s", ledger_id)
    assert (row["pool"], row["unexplained_seconds"] / 60, row["unexplained_because"]) == ("gpu", unexplained, because)
