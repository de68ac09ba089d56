"""Reservations that are over, and debug leases: released once, with what was really spent."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from janitor.domain.errors import BudgetRefusedError
from janitor.domain.identity import run_id_for
from janitor.services.launch.plan import plan_run
from janitor.services.money.budget import day_used, reserve_lease, settle_reservations
from janitor.settings import Settings
from janitor.stores import costs
from janitor.stores.database import transaction
from tests.integration.costs.planned_runs import HOUR, Ledger, WriteConfig, request, reservations, validations_of
from tests.integration.costs.pooled_machines import Machine, at, insert_machine, plain_turn
from tests.support.postgres import TestDatabase


@pytest.fixture
def ledger(settings: Settings, write_config: WriteConfig) -> Ledger:
    ask = request(write_config("daily_budget_usd: 5"))
    plan_run(settings, ask)
    return Ledger(settings, run_id_for(settings.deployment, ask.airflow_run_id))


def test_what_is_over_is_released_with_what_it_really_cost(settings: Settings, ledger: Ledger) -> None:
    first, second = validations_of(ledger)
    lost = ledger.launch(first)
    ledger.end(lost, after=timedelta(seconds=5))
    instance = ledger.launch(first, generation=2)
    assert settle_reservations(settings) == 0
    ledger.finish(first)
    assert settle_reservations(settings) == 0, "an instance is still alive"
    ledger.end(instance, after=timedelta(minutes=30))
    assert settle_reservations(settings) == 1
    assert settle_reservations(settings) == 0

    released, waiting = reservations(settings)
    # 60 seconds are the least that is billed for the first, 30 minutes for the second.
    assert released["spent_usd"] == Decimal("0.5198")
    assert released["released_at"] is not None
    assert waiting["released_at"] is None
    assert day_used(settings) == Decimal("0.5198") + HOUR
    ledger.finish(second)
    assert settle_reservations(settings) == 1, "one that never launched costs nothing"
    assert day_used(settings) == Decimal("0.5198")


def test_a_pools_machine_is_paid_for_by_its_worker_and_costs_whom_it_served(
    settings: Settings, database: TestDatabase, write_config: WriteConfig
) -> None:
    """The run sets aside what it launches itself; a worker that has a machine waits for its end, and pays all of it."""
    config = write_config("daily_budget_usd: 5", "pools: [{name: gpu}]", repositories=1)
    Path(config).write_text(
        Path(config).read_text()
        + "".join(f"  - {{name: pooled-{n}, organization: acme, prompt: go, pool: gpu}}\n" for n in (1, 2))
    )
    ask = request(config)
    plan_run(settings, ask)
    run_id = run_id_for(settings.deployment, ask.airflow_run_id)
    alone, *pooled = validations_of(Ledger(settings, run_id))
    assert [row["owner_id"] for row in reservations(settings)] == [alone]
    assert day_used(settings) == HOUR

    machine = Machine(
        launched_at=at(0),
        stopped_at=at(60),
        expires_at=at(90),
        ready_at=at(3),
        turns=[plain_turn(0, 5, 15), plain_turn(1, 20, 40)],
    )
    with psycopg.connect(
        database.owner_url, row_factory=dict_row, options="-c search_path=janitor,pg_catalog"
    ) as connection:
        ledger_id = insert_machine(connection, pooled, machine, settings.deployment)
        connection.execute(
            "insert into budget_reservations (deployment, kind, owner_kind, owner_id, day, reserved_usd)"
            " select deployment, 'launch', owner_kind, owner_id, current_date, 4 from instances where ledger_id = %s",
            (ledger_id,),
        )
    assert settle_reservations(settings) == 0, "its worker isn't over"
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update workers set state = 'terminating', end_reason = 'idle' where deployment = %s",
            (settings.deployment,),
        )
        connection.execute("update workers set state = 'terminated' where deployment = %s", (settings.deployment,))
    assert settle_reservations(settings) == 1
    spent = reservations(settings)[1]["spent_usd"]
    with transaction(settings.reader_url) as connection:
        shares = costs.costs_of_validations(connection, pooled)
        of_run = costs.costs_of_runs(connection, [run_id])
    first, second = (shares[validation_id].usd for validation_id in pooled)
    assert first is not None
    assert second is not None
    assert abs(second - 2 * first) <= Decimal("0.000002")
    assert of_run[run_id].usd == first + second
    # Charges are rounded up to the ten-thousandth.
    assert 0 <= spent - (first + second) < Decimal("0.0001")


def test_settling_at_once_releases_each_once(settings: Settings, ledger: Ledger) -> None:
    for validation_id in validations_of(ledger):
        ledger.end(ledger.launch(validation_id), after=timedelta(minutes=6))
        ledger.finish(validation_id)
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert sum(pool.map(settle_reservations, [settings] * 8)) == 2
    assert day_used(settings) == 2 * Decimal("0.1006")


def test_where_the_price_is_not_known_the_reserved_amount_stands(settings: Settings, ledger: Ledger) -> None:
    first, _ = validations_of(ledger)
    ledger.end(ledger.launch(first, price=None), after=timedelta(minutes=30))
    ledger.finish(first)
    assert settle_reservations(settings) == 1
    assert reservations(settings)[0]["spent_usd"] == HOUR


def test_a_lease_reserves_only_what_is_not_paid_for_yet(settings: Settings, ledger: Ledger) -> None:
    first, _ = validations_of(ledger)
    instance = ledger.launch(first)
    ledger.keep(instance, until=timedelta(minutes=70), since=timedelta(minutes=50))
    ledger.keep(instance, until=timedelta(minutes=100), since=timedelta(minutes=60))
    ledger.keep(instance, until=timedelta(minutes=130), since=timedelta(minutes=65))
    leases = [row for row in reservations(settings) if row["kind"] == "lease"]
    assert [row["reserved_usd"] for row in leases] == [0, Decimal("0.5030"), Decimal("0.5030")]
    assert {row["run_id"] for row in leases} == {ledger.run_id}

    with (
        transaction(settings.writer_url) as connection,
        pytest.raises(BudgetRefusedError, match="the lease is refused"),
    ):
        reserve_lease(connection, instance, ledger.begin + timedelta(hours=10))


def test_a_lease_is_charged_with_the_time_that_it_kept(
    database: TestDatabase, settings: Settings, ledger: Ledger
) -> None:
    first, _ = validations_of(ledger)
    instance = ledger.launch(first)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(
            "update janitor.instances set command_started_at = launched_at,"
            " command_ended_at = launched_at + interval '30 minutes' where ledger_id = %s",
            (instance,),
        )
    ledger.keep(instance, until=timedelta(minutes=80), since=timedelta(minutes=30))
    ledger.keep(instance, until=timedelta(minutes=90), since=timedelta(minutes=30))
    ledger.finish(first)
    assert settle_reservations(settings) == 0, "it is kept"
    ledger.end(instance, after=timedelta(minutes=50))
    assert settle_reservations(settings) == 3
    validation, _, *leases = reservations(settings)
    assert validation["spent_usd"] == Decimal("0.5030")
    # Twenty minutes, shared in halves because both reserved ten minutes.
    assert [row["spent_usd"] for row in leases] == [Decimal("0.1677"), Decimal("0.1677")]


def test_a_lease_without_a_price_is_refused_under_a_budget(settings: Settings, ledger: Ledger) -> None:
    first, _ = validations_of(ledger)
    instance = ledger.launch(first, price=None)
    with (
        transaction(settings.writer_url) as connection,
        pytest.raises(BudgetRefusedError, match=r"price of g5\.xlarge"),
    ):
        reserve_lease(connection, instance, ledger.begin + timedelta(minutes=90))


def test_a_lease_never_passes_the_limit_of_its_run(settings: Settings, write_config: WriteConfig) -> None:
    """Two validations of 1.0172 each leave 0.9656 of 3.00: enough for one lease of half an hour, not for two."""
    ask = request(write_config("max_run_cost_usd: 3"))
    plan_run(settings, ask)
    ledger = Ledger(settings, run_id_for(settings.deployment, ask.airflow_run_id))
    first, second = (ledger.launch(validation_id) for validation_id in validations_of(ledger))
    ledger.keep(first, until=timedelta(minutes=100), since=timedelta(minutes=50))
    with (
        transaction(settings.writer_url) as connection,
        pytest.raises(BudgetRefusedError, match=r"left of its run's max_run_cost_usd \(\$3\.00"),
    ):
        reserve_lease(connection, second, ledger.begin + timedelta(minutes=100))
    # Other runs have limits of their own.
    other = request(write_config("max_run_cost_usd: 3"))
    plan_run(settings, other)


def test_leases_at_once_never_pass_the_budget(settings: Settings, ledger: Ledger) -> None:
    instances = [ledger.launch(validation_id) for validation_id in validations_of(ledger)]
    # 5.00 less 2.03 leaves room for two leases of an hour, and one more.
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        granted = list(
            pool.map(
                _try_to_lease, [settings.writer_url] * 8, instances * 4, [ledger.begin + timedelta(minutes=130)] * 8
            )
        )
    assert sum(granted) == 2
    assert day_used(settings) <= 5


def _try_to_lease(writer_url: str, ledger_id: int, keep_until: datetime) -> bool:
    with psycopg.connect(
        writer_url, row_factory=dict_row, options="-c search_path=janitor,pg_catalog -c timezone=UTC"
    ) as connection:
        try:
            reserve_lease(connection, ledger_id, keep_until)
        except BudgetRefusedError:
            return False
    return True
