"""The launch ledger's invariants hold in the database, whoever writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import psycopg
import pytest

from janitor.domain.config.fields import Market
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.place import Place
from janitor.domain.states import InstanceState, RunStatus, TerminationReason
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

HERE = Place(cloud="aws", account="123456789012", region="us-east-1")


def _intend(
    connection: Connection, run_id: UUID, validation_id: UUID, generation: int = 1, deployment: str = "test"
) -> InstanceRecord:
    now = datetime.now(timezone.utc)
    identity = LaunchIdentity(
        deployment=deployment,
        owner=Owner.validation(validation_id),
        run_id=run_id,
        generation=generation,
        name="worker-a",
        repository_name="worker-a",
        deadline_at=now + timedelta(minutes=30),
        expires_at=now + timedelta(minutes=32),
        intent_at=now,
    )
    terms = ledger.LaunchTerms(
        instance_type="g5.xlarge",
        market=Market.ON_DEMAND,
        subnet_id=None,
        parameters={},
        price_usd_hour=None,
        volume_gib=100,
        volume_usd_gib_month=None,
    )
    return ledger.insert_intent(connection, identity, terms, place=HERE)


def test_a_validation_has_one_live_instance(database: TestDatabase) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    with transaction(database.writer_url) as connection:
        record = _intend(connection, run_id, first)
    with pytest.raises(ledger.UniqueViolation), transaction(database.writer_url) as connection:
        _intend(connection, run_id, first, generation=2)
    with transaction(database.writer_url) as connection:
        ledger.observe_state(connection, record.ledger_id, InstanceState.NOT_LAUNCHED, place=HERE)
        assert _intend(connection, run_id, first, generation=2).generation == 2


def test_every_observed_state_is_kept_and_none_goes_backwards(database: TestDatabase) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    with transaction(database.writer_url) as connection:
        record = _intend(connection, run_id, first)
    for state in (
        InstanceState.PENDING,
        InstanceState.RUNNING,
        InstanceState.PENDING,  # late news
        InstanceState.RUNNING,  # said twice
        InstanceState.SHUTTING_DOWN,
        InstanceState.RUNNING,  # late news
        InstanceState.TERMINATED,
        InstanceState.PENDING,  # late news
    ):
        with transaction(database.writer_url) as connection:
            if state is InstanceState.PENDING:
                ledger.keep_launched(connection, record.ledger_id, f"i-{uuid4().hex[:17]}", place=HERE)
            ledger.observe_state(connection, record.ledger_id, state, place=HERE)
    with transaction(database.writer_url) as connection:
        states = [state for state, _ in ledger.state_changes(connection, record.ledger_id)]
        latest = ledger.latest_of(connection, Owner.validation(first))
    assert [state.value for state in states] == ["intent", "pending", "running", "shutting-down", "terminated"]
    assert latest is not None
    assert latest.termination_reason is TerminationReason.INSTANCE_LOST


def test_the_hard_limit_holds_over_launches(database: TestDatabase) -> None:
    _, (first, _) = insert_run(database.writer_url)
    limit = datetime.now(timezone.utc) + timedelta(minutes=30)
    with transaction(database.writer_url) as connection:
        # An attempt that launched nothing takes no time from the validation.
        assert store.keep_deadline(connection, first, limit - timedelta(hours=1)) == limit - timedelta(hours=1)
        assert store.keep_deadline(connection, first, limit) == limit
        store.mark_launched(connection, first, "i-0123456789abcdef0")
        assert store.keep_deadline(connection, first, limit + timedelta(hours=1)) == limit


def test_the_first_termination_reason_stays(database: TestDatabase) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    with transaction(database.writer_url) as connection:
        record = _intend(connection, run_id, first)
        ledger.intend_termination(connection, record.ledger_id, TerminationReason.TIMEOUT)
        ledger.intend_termination(connection, record.ledger_id, TerminationReason.RUN_TEARDOWN)
        ledger.observe_state(connection, record.ledger_id, InstanceState.NOT_LAUNCHED, place=HERE)
        latest = ledger.latest_of(connection, Owner.validation(first))
    assert latest is not None
    assert latest.termination_reason is TerminationReason.TIMEOUT


def test_the_database_refuses_a_wrong_transition(database: TestDatabase) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    with transaction(database.writer_url) as connection:
        record = _intend(connection, run_id, first)
        ledger.observe_state(connection, record.ledger_id, InstanceState.NOT_LAUNCHED, place=HERE)
    with (
        pytest.raises(psycopg.errors.CheckViolation, match="may not go from not_launched to running"),
        transaction(database.writer_url) as connection,
    ):
        connection.execute("update instances set state = 'running' where ledger_id = %s", (record.ledger_id,))


def test_places_are_never_overdrawn(database: TestDatabase) -> None:
    deployment, places = f"places-{uuid4().hex[:8]}", 3
    runs = [insert_run(database.writer_url, deployment=deployment, max_concurrent_instances=places) for _ in range(6)]
    wanted = [(run_id, validation_id) for run_id, validations in runs for validation_id in validations]

    def take(pair: tuple[UUID, UUID]) -> bool:
        with transaction(database.writer_url) as connection:
            ledger.lock_places(connection, deployment)
            if ledger.count_live(connection, deployment) >= places:
                return False
            _intend(connection, *pair, deployment=deployment)
            return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, wanted))
    assert sum(taken) == places
    with transaction(database.writer_url) as connection:
        assert ledger.count_live(connection, deployment) == places


def test_a_run_planned_twice_is_one_run_and_a_final_validation_stays(database: TestDatabase) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    with transaction(database.writer_url) as connection:
        connection.execute(
            "update repository_validations set status = 'error', finished_at = now() where validation_id = %s", (first,)
        )
        store.mark_launching(connection, first)
        assert store.get_validation(connection, first).status.value == "error"
        assert [pair[0] for pair in store.unfinished_validations(connection, run_id)] != [first]


def test_what_a_verdict_found_left_is_noted_once_it_has_ended(database: TestDatabase) -> None:
    deployment = f"left-{uuid4().hex[:8]}"
    run_id, validations = insert_run(database.writer_url, deployment=deployment)
    names = [f"i-{uuid4().hex[:17]}" for _ in validations]
    left = f'left in EC2 or in the ledger: {", ".join(names)}; see runbook "Instance left"'
    records = []
    with transaction(database.writer_url) as connection:
        for validation_id, name in zip(validations, names, strict=True):
            records.append(_intend(connection, run_id, validation_id, deployment=deployment))
            ledger.keep_launched(connection, records[-1].ledger_id, name, place=HERE)
            ledger.observe_state(connection, records[-1].ledger_id, InstanceState.RUNNING, place=HERE)
        store.finish_run(connection, run_id, RunStatus.ERROR, left)
        assert store.note_ended_since(connection, deployment) == 0

    def reason() -> str:
        with psycopg.connect(database.reader_url) as connection:
            row = connection.execute(
                "select status_reason from janitor.run_summary where run_id = %s", (run_id,)
            ).fetchone()
        assert row is not None
        return str(row[0])

    for ended, (record, name) in enumerate(zip(records, names, strict=True), start=1):
        with transaction(database.writer_url) as connection:
            ledger.observe_state(connection, record.ledger_id, InstanceState.TERMINATED, place=HERE)
            assert store.note_ended_since(connection, deployment) == 1
            assert store.note_ended_since(connection, deployment) == 0
        assert f"{name} (ended since, " in reason()
        assert reason().count("(ended since, ") == ended
    assert "left in EC2 or in the ledger: " in reason()
