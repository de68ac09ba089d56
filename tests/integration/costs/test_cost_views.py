"""The views of costs and phases: they follow the rules of domain/money/costs.py on any instance, and add up."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from janitor.domain.money.costs import CHECK_PHASES, InstancePhase, InstanceTimes, instance_cost, phases_of, seconds_of
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

PRICE, VOLUME_GIB, VOLUME_PRICE = Decimal("1.006"), 100, Decimal("0.08")
BASE = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
CHECKS = [*CHECK_PHASES, "a_check_of_tomorrow"]

moments = st.integers(-600_000, 7_200_000).map(lambda ms: BASE + timedelta(milliseconds=ms))
spans = st.tuples(moments, st.integers(0, 3_600_000)).map(lambda s: (s[0], s[0] + timedelta(milliseconds=s[1])))


@st.composite
def lives(draw: st.DrawFn) -> InstanceTimes:
    """Any life of an instance that the tables can hold, however absurd."""
    launched = draw(moments)
    stopped = draw(st.none() | moments)
    started = draw(st.none() | moments)
    checks = draw(st.none() | st.lists(st.tuples(st.sampled_from(CHECKS), spans), max_size=6, unique_by=lambda c: c[0]))
    return InstanceTimes(
        launched_at=launched,
        stopped_at=None if stopped is None else max(launched, stopped),
        expires_at=draw(moments),
        launched_by_us=draw(st.booleans()),
        command_started_at=started,
        command_ended_at=draw(st.none() | moments),
        gave_no_sign=stopped is not None and draw(st.booleans()),
        leases=draw(st.lists(spans, max_size=3)),
        checks=checks,
    )


def insert_instance(
    connection: psycopg.Connection[DictRow], validation_id: UUID, run_id: UUID, times: InstanceTimes, **columns: object
) -> int:
    """Write a ledger row that lived so, with its leases, its report and its history."""
    ended = times.stopped_at
    known = {
        "owner_kind": "validation",
        "owner_id": validation_id,
        "validation_id": validation_id,
        "run_id": run_id,
        "deployment": "test",
        "generation": 1,
        "client_token": uuid4().hex,
        "tags": Jsonb({}),
        "instance_id": f"i-{uuid4().hex[:17]}",
        "instance_type": "g5.xlarge",
        "market": "on_demand",
        "origin": "launched" if times.launched_by_us else "adopted",
        "state": "running" if ended is None else "terminated",
        "termination_reason": None if ended is None else ("no_sign_of_life" if times.gave_no_sign else "finished"),
        "ended_at": ended,
        "launched_at": times.launched_at,
        "deadline_at": times.expires_at,
        "expires_at": times.expires_at,
        "price_usd_hour": PRICE,
        "volume_gib": VOLUME_GIB,
        "volume_usd_gib_month": VOLUME_PRICE,
        "command_started_at": times.command_started_at,
        "command_ended_at": times.command_ended_at,
        **columns,
    }
    names, places = ", ".join(known), ", ".join(f"%({name})s" for name in known)
    row = connection.execute(f"insert into instances ({names}) values ({places}) returning ledger_id", known).fetchone()
    assert row is not None
    ledger_id: int = row["ledger_id"]
    for begin, end in times.leases:
        connection.execute(
            "insert into keep_leases (ledger_id, requested_by, requested_at, keep_until) values (%s, 'me', %s, %s)",
            (ledger_id, begin, end),
        )
    if times.checks is not None:
        connection.execute(
            "insert into validation_reports (validation_id, format, storage_key, sha256, partial, report, ledger_id)"
            " values (%s, 'f', 'k', 's', false, '{}', %s)",
            (validation_id, ledger_id),
        )
        for position, (name, (begin, end)) in enumerate(times.checks):
            connection.execute(
                "insert into checks (validation_id, position, name, status, required, started_at, duration_seconds)"
                " values (%s, %s, %s, 'pass', true, %s, %s)",
                (validation_id, position, name, begin, (end - begin).total_seconds()),
            )
    return ledger_id


@given(times=lives())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_python_agree(
    database: TestDatabase, owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID], times: InstanceTimes
) -> None:
    run_id, validation_id = planned
    with owner.transaction(force_rollback=True):
        ledger_id = insert_instance(owner, validation_id, run_id, times)
        row = owner.execute(
            "select *, now() as now from instance_seconds s join instance_costs c using (ledger_id)"
            " where s.ledger_id = %s",
            (ledger_id,),
        ).fetchone()
    assert row is not None

    phases = phases_of(times, row["now"])
    assert {phase: row[f"{phase.value}_seconds"] for phase in InstancePhase} == {
        phase: seconds_of(duration) for phase, duration in phases.items()
    }
    lived = max((times.stopped_at or row["now"]) - times.launched_at, timedelta())
    assert sum(phases.values(), timedelta()) == lived
    assert row["total_seconds"] == seconds_of(lived)

    cost = instance_cost(
        running=lived, existing=lived, usd_hour=PRICE, volume_gib=VOLUME_GIB, volume_usd_gib_month=VOLUME_PRICE
    )
    assert cost is not None
    assert abs(row["total_usd"] - cost) <= Decimal("0.000001")
    shares = sum(row[f"{phase.value}_usd"] for phase in InstancePhase)
    assert abs(row["total_usd"] - shares) <= Decimal("0.00001")


@pytest.fixture(scope="module")
def planned(database: TestDatabase) -> tuple[UUID, UUID]:
    """A run and one of its validations."""
    run_id, validations = insert_run(database.writer_url)
    return run_id, validations[0]


def test_the_phases_of_checks_match_the_code(owner: psycopg.Connection[DictRow]) -> None:
    rows = owner.execute("select check_name, phase from check_phases").fetchall()
    assert {row["check_name"]: row["phase"] for row in rows} == {
        name: phase.value for name, phase in CHECK_PHASES.items()
    }


def test_billing_ends_at_the_first_sight_of_shutting_down(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID]
) -> None:
    run_id, validation_id = planned
    times = InstanceTimes(
        launched_at=BASE, stopped_at=BASE + timedelta(minutes=12), expires_at=BASE + timedelta(minutes=30)
    )
    ledger_id = insert_instance(owner, validation_id, run_id, times)
    owner.execute(
        "insert into instance_state_changes values (%s, 'running', 'shutting-down', %s)",
        (ledger_id, BASE + timedelta(minutes=10)),
    )
    row = owner.execute("select * from instance_bills where ledger_id = %s", (ledger_id,)).fetchone()
    assert row is not None
    assert row["billed_seconds"] == 600
    assert row["total_usd"] == round(PRICE / 6 + VOLUME_GIB * VOLUME_PRICE * 720 / (30 * 86_400), 6)


@pytest.mark.parametrize(
    ("columns", "cost"),
    [
        ({}, "0.0170"),  # a minute is the least
        ({"price_usd_hour": None}, None),
        ({"volume_gib": None}, None),
        ({"launched_at": None, "instance_id": None, "state": "not_launched"}, None),
    ],
)
def test_what_is_not_known_is_not_zero(
    owner: psycopg.Connection[DictRow],
    planned: tuple[UUID, UUID],
    columns: dict[str, object],
    cost: str | None,
) -> None:
    run_id, validation_id = planned
    times = InstanceTimes(launched_at=BASE, stopped_at=BASE + timedelta(seconds=5), expires_at=BASE)
    insert_instance(owner, validation_id, run_id, times, **columns)
    for view, column, key in (
        ("validation_overview", "validation_id", validation_id),
        ("run_summary", "run_id", run_id),
    ):
        row = owner.execute(f"select cost_usd from {view} where {column} = %s", (key,)).fetchone()
        assert row == {"cost_usd": cost and Decimal(cost)}


def test_waste_says_what_is_known_of_unexplained_time(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID]
) -> None:
    run_id, validation_id = planned
    times = InstanceTimes(
        launched_at=BASE, stopped_at=BASE + timedelta(minutes=10), expires_at=BASE + timedelta(minutes=9)
    )
    ledger_id = insert_instance(
        owner,
        validation_id,
        run_id,
        times,
        termination_reason="external_reaper",
        termination_detail="the scheduler was down",
        state_reason="Client.UserInitiatedShutdown",
    )
    row = owner.execute("select w.* from waste w where ledger_id = %s", (ledger_id,)).fetchone()
    assert row is not None
    assert row["unexplained_seconds"] == 600
    assert row["unexplained_because"] == "it never got a command; alive 60 s past its expiry"
    assert row["ended_by"] == "the reaper's function in AWS"
    assert row["termination_detail"] == "the scheduler was down"
    assert row["unexplained_usd"] == row["total_usd"]


def test_the_time_of_an_instance_that_gave_no_sign_is_explained(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID]
) -> None:
    run_id, validation_id = planned
    times = InstanceTimes(
        launched_at=BASE,
        stopped_at=BASE + timedelta(minutes=5),
        expires_at=BASE + timedelta(minutes=30),
        command_started_at=BASE + timedelta(minutes=1),
        gave_no_sign=True,
    )
    ledger_id = insert_instance(owner, validation_id, run_id, times)
    row = owner.execute("select * from waste where ledger_id = %s", (ledger_id,)).fetchone()
    assert row is not None
    assert (row["unexplained_seconds"], row["idle_seconds"], row["unexplained_because"]) == (0, 240, None)
    assert (row["termination_reason"], row["ended_by"]) == ("no_sign_of_life", "its run's task")


def test_every_reason_has_somebody_who_ended_it(owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID]) -> None:
    run_id, validation_id = planned
    times = InstanceTimes(launched_at=BASE, stopped_at=BASE + timedelta(minutes=1), expires_at=BASE)
    reasons = owner.execute("select unnest(enum_range(null::termination_reason)) as reason").fetchall()
    for generation, row in enumerate(reasons, start=1):
        insert_instance(owner, validation_id, run_id, times, termination_reason=row["reason"], generation=generation)
    nameless = owner.execute(
        "select termination_reason from waste where validation_id = %s and ended_by is null", (validation_id,)
    ).fetchall()
    assert nameless == []


def test_cost_by_day_and_repository(owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID]) -> None:
    run_id, validation_id = planned
    times = InstanceTimes(launched_at=BASE, stopped_at=BASE + timedelta(hours=1), expires_at=BASE + timedelta(hours=2))
    insert_instance(owner, validation_id, run_id, times)
    insert_instance(owner, validation_id, run_id, times, generation=2, price_usd_hour=None)
    rows = owner.execute("select * from cost_by_day_and_repository where day = %s", (BASE.date(),)).fetchall()
    assert len(rows) == 1
    assert rows[0]["repository_name"] == "worker-a"
    assert rows[0]["instances"] == 2
    assert rows[0]["instances_without_price"] == 1
    assert rows[0]["cost_usd"] == round(PRICE + VOLUME_GIB * VOLUME_PRICE / 720, 4)
