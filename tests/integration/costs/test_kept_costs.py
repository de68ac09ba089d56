"""Costs that are kept are those that were reckoned, and are reckoned anew when anything changes that they come from."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg.rows import DictRow, dict_row

from janitor.domain.money.costs import InstanceTimes
from janitor.stores import costs as store
from janitor.stores.database import transaction
from tests.integration.costs.test_cost_views import BASE, insert_instance, lives
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

COMPARED = """
select (select to_jsonb(b) from {prefix}_bills b where ledger_id = %(id)s) as bill,
       (select to_jsonb(s) - 'live' from {prefix}_seconds s where ledger_id = %(id)s) as seconds,
       (select to_jsonb(c) from {prefix}_costs c where ledger_id = %(id)s) as costs
"""
WHOLE = InstanceTimes(
    launched_at=BASE,
    stopped_at=BASE + timedelta(minutes=30),
    expires_at=BASE + timedelta(minutes=40),
    launched_by_us=True,
    command_started_at=BASE + timedelta(minutes=2),
    command_ended_at=BASE + timedelta(minutes=25),
    gave_no_sign=False,
    leases=[],
    checks=[("build", (BASE + timedelta(minutes=3), BASE + timedelta(minutes=9)))],
)


@pytest.fixture
def planned(database: TestDatabase) -> tuple[UUID, UUID]:
    """A run and its first validation."""
    run_id, validations = insert_run(database.writer_url)
    return run_id, validations[0]


def compared(connection: psycopg.Connection[DictRow], prefix: str, ledger_id: int) -> DictRow:
    """What the views of a name say of an instance."""
    row = connection.execute(COMPARED.format(prefix=prefix).encode(), {"id": ledger_id}).fetchone()
    assert row is not None
    return row


def is_kept(connection: psycopg.Connection[DictRow], ledger_id: int) -> bool:
    """Whether its costs are read, not reckoned; the row and its flag always agree."""
    row = connection.execute(
        "select costs_kept, exists (select from instance_cost_facts f where f.ledger_id = i.ledger_id) as has_facts"
        " from instances i where ledger_id = %s",
        (ledger_id,),
    ).fetchone()
    assert row is not None
    assert row["costs_kept"] == row["has_facts"]
    kept: bool = row["costs_kept"]
    return kept


@given(times=lives())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_kept_is_what_was_reckoned(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID], times: InstanceTimes
) -> None:
    run_id, validation_id = planned
    with owner.transaction(force_rollback=True):
        ledger_id = insert_instance(owner, validation_id, run_id, times)
        before = compared(owner, "reckoned", ledger_id)
        kept = store.keep_costs(owner, "test", count=1000)
        assert is_kept(owner, ledger_id) == (kept == 1) == (times.stopped_at is not None)
        assert compared(owner, "instance", ledger_id) == compared(owner, "reckoned", ledger_id) == before
        assert store.keep_costs(owner, "test", count=1000) == 0


CHANGES = {
    "price": "update instances set price_usd_hour = 2 where ledger_id = %(id)s",
    "volume": "update instances set volume_gib = 500 where ledger_id = %(id)s",
    "launch": "update instances set launched_at = launched_at - interval '1 minute' where ledger_id = %(id)s",
    "expiry": "update instances set expires_at = launched_at + interval '10 minutes' where ledger_id = %(id)s",
    "command": "update instances set command_ended_at = launched_at + interval '20 minutes' where ledger_id = %(id)s",
    "reason": "update instances set termination_reason = 'no_sign_of_life', command_ended_at = null"
    " where ledger_id = %(id)s",
    "lease": "insert into keep_leases (ledger_id, requested_by, requested_at, keep_until)"
    " select ledger_id, 'me', launched_at + interval '26 minutes', launched_at + interval '2 hours' from instances"
    " where ledger_id = %(id)s",
    "sight": "insert into instance_state_changes (ledger_id, from_state, to_state, observed_at)"
    " select ledger_id, 'running', 'shutting-down', launched_at + interval '10 minutes' from instances"
    " where ledger_id = %(id)s",
    "check": "insert into checks (validation_id, position, name, status, required, started_at, duration_seconds)"
    " select validation_id, 9, 'handler_api', 'pass', true, launched_at + interval '10 minutes', 60 from instances"
    " where ledger_id = %(id)s",
    "report taken away": "delete from validation_reports where ledger_id = %(id)s",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_costs_come_from_is_seen_at_once(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID], change: str
) -> None:
    run_id, validation_id = planned
    ledger_id = insert_instance(owner, validation_id, run_id, WHOLE)
    assert store.keep_costs(owner, "test", count=1000) == 1
    before = compared(owner, "instance", ledger_id)
    owner.execute(CHANGES[change].encode(), {"id": ledger_id})
    after = compared(owner, "instance", ledger_id)
    assert after != before
    assert after == compared(owner, "reckoned", ledger_id)
    assert not is_kept(owner, ledger_id)
    assert store.keep_costs(owner, "test", count=1000) == 1
    assert compared(owner, "instance", ledger_id) == after


def test_a_change_that_costs_nothing_leaves_what_is_kept(
    owner: psycopg.Connection[DictRow], planned: tuple[UUID, UUID]
) -> None:
    run_id, validation_id = planned
    ledger_id = insert_instance(owner, validation_id, run_id, WHOLE)
    store.keep_costs(owner, "test", count=1000)
    owner.execute("update instances set termination_detail = 'told later' where ledger_id = %s", (ledger_id,))
    assert is_kept(owner, ledger_id)


def test_a_report_that_comes_in_while_costs_are_kept_is_in_them(
    database: TestDatabase, planned: tuple[UUID, UUID]
) -> None:
    """Whichever of the two is first, the other waits or steps back, and what is read afterwards has the report."""
    run_id, validation_id = planned
    deployment = f"race-{uuid4().hex[:8]}"
    options = "-c search_path=janitor,pg_catalog -c timezone=UTC"
    bare = WHOLE.__class__(**{**WHOLE.__dict__, "checks": None})
    report = (
        "insert into validation_reports (validation_id, format, storage_key, sha256, partial, report, ledger_id)"
        " values (%s, 'f', 'k', 's', false, '{}', %s)"
    )
    with psycopg.connect(database.owner_url, row_factory=dict_row, options=options) as connection:
        ledger_id = insert_instance(connection, validation_id, run_id, bare, deployment=deployment)
    # The report is written, not yet committed: the instance is left for the next time.
    with psycopg.connect(database.owner_url, row_factory=dict_row, options=options) as writing:
        writing.execute(report, (validation_id, ledger_id))
        with transaction(database.writer_url) as keeping:
            assert store.keep_costs(keeping, deployment, count=10) == 0
        writing.rollback()
    # Costs are kept, not yet committed: the report waits, and takes back what was kept without it.
    with psycopg.connect(database.owner_url, row_factory=dict_row, options=options) as writing:
        with transaction(database.writer_url) as keeping:
            assert store.keep_costs(keeping, deployment, count=10) == 1
            waiting = threading.Thread(target=writing.execute, args=(report, (validation_id, ledger_id)))
            waiting.start()
            waiting.join(timeout=0.5)
            assert waiting.is_alive(), "the report didn't wait for whoever keeps costs"
        waiting.join(timeout=60)
        assert not waiting.is_alive()
    with psycopg.connect(database.owner_url, row_factory=dict_row, options=options) as reading:
        assert compared(reading, "instance", ledger_id) == compared(reading, "reckoned", ledger_id)
        seconds = compared(reading, "instance", ledger_id)["seconds"]
        assert seconds["has_report"]
        assert Decimal(str(seconds["idle_seconds"])) > 0
        assert not is_kept(reading, ledger_id)


def test_the_writer_keeps_and_the_reader_reads(database: TestDatabase, planned: tuple[UUID, UUID]) -> None:
    run_id, validation_id = planned
    deployment = f"kept-{uuid4().hex[:8]}"
    with psycopg.connect(
        database.owner_url, row_factory=dict_row, options="-c search_path=janitor,pg_catalog"
    ) as connection:
        ledger_id = insert_instance(connection, validation_id, run_id, WHOLE, deployment=deployment)
    with transaction(database.writer_url) as writer:
        assert store.keep_costs(writer, deployment, count=10) == 1
    with transaction(database.reader_url) as reader:
        row = reader.execute("select total_usd from instance_costs where ledger_id = %s", (ledger_id,)).fetchone()
    assert row is not None
    assert row["total_usd"] > 0
