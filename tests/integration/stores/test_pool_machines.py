"""Machines of a pool's workers: rows of the ledger on which validations have turns, and which end with their worker."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from janitor.domain.config.fields import Market
from janitor.domain.errors import ConflictError
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.place import Place
from janitor.domain.pool.endings import termination_reason_of
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.domain.states import InstanceState, OwnerKind, TerminationReason
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.terms.statuses import EngineChoice
from janitor.stores import budget, ledger, reaping
from janitor.stores import sequential as shared
from janitor.stores import validations as validation_store
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import tasks, turns, workers
from janitor.stores.pool.records import Claim, owner_of_worker
from janitor.stores.records import InstanceRecord
from janitor.stores.report_terms import ReportTerms
from tests.support.pool import LEASE, Bench, bench_in
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

HERE = Place(cloud="aws", account="123456789012", region="us-east-1")


@pytest.fixture
def bench(database: TestDatabase) -> Bench:
    return bench_in(database.writer_url, database.owner_url)


def launched(bench: Bench, owner: Owner) -> InstanceRecord:
    """A machine that runs since this moment, for half an hour."""
    now = datetime.now(timezone.utc)
    identity = LaunchIdentity(
        deployment=bench.deployment,
        owner=owner,
        run_id=None,
        generation=1,
        name="pool-p",
        repository_name=None,
        deadline_at=now + timedelta(hours=4),
        expires_at=now + timedelta(hours=4, minutes=2),
        intent_at=now,
    )
    terms = ledger.LaunchTerms(
        instance_type="g5.xlarge",
        market=Market.ON_DEMAND,
        subnet_id=None,
        parameters={},
        price_usd_hour=Decimal("1.006"),
        volume_gib=100,
        volume_usd_gib_month=Decimal("0.08"),
    )
    with transaction(bench.url) as connection:
        row = ledger.insert_intent(connection, identity, terms, place=HERE)
        ledger.keep_launched(connection, row.ledger_id, f"i-{uuid4().hex[:17]}", place=HERE, launched_at=now)
        ledger.observe_state(connection, row.ledger_id, InstanceState.RUNNING, place=HERE)
        return ledger.row(connection, row.ledger_id)


def worker_with_machine(bench: Bench) -> tuple[UUID, InstanceRecord]:
    worker_id = bench.worker(provider=Provider.EC2)
    return worker_id, launched(bench, owner_of_worker(worker_id))


def host_of(bench: Bench, validation_id: UUID) -> InstanceRecord:
    with transaction(bench.url) as connection:
        found = shared.host_of(connection, validation_id)
    assert found is not None
    return found


def with_turn(bench: Bench, worker_id: UUID, machine: InstanceRecord) -> Claim:
    """The next task, claimed for a worker and given its machine, in one transaction."""
    with transaction(bench.url) as connection:
        claim = tasks.claim(connection, worker_id, lease=LEASE)
        assert claim is not None
        assert claim.validation_id is not None
        assert turns.give(connection, claim, claim.validation_id, machine)
        assert not turns.give(connection, claim, claim.validation_id, machine), "repeating it changes nothing"
    return claim


def finished(bench: Bench, claim: Claim) -> None:
    with transaction(bench.url) as connection:
        assert tasks.finish(connection, claim.held, TaskState.DONE, {})
        turns.end(connection, claim.held)
        assert workers.move(connection, claim.held.worker_id, WorkerState.READY)


def end_machine(connection: Connection, machine: InstanceRecord, reason: TerminationReason) -> None:
    ledger.intend_termination(connection, machine.ledger_id, reason)
    ledger.observe_state(connection, machine.ledger_id, InstanceState.TERMINATED, place=HERE)


def test_validations_take_turns_on_a_workers_machine(bench: Bench) -> None:
    worker_id, machine = worker_with_machine(bench)
    first, second = bench.task(priority=1), bench.task()
    assert first.validation_id is not None
    assert second.validation_id is not None
    claim = with_turn(bench, worker_id, machine)
    host = host_of(bench, first.validation_id)
    assert (host.ledger_id, host.generation, host.deadline_at) == (machine.ledger_id, 1, claim.deadline_at)
    assert machine.launched_at is not None
    assert host.launched_at is not None
    assert host.launched_at > machine.launched_at, "its time begins with its turn"
    assert shared.is_shared(host)
    assert not shared.is_of_run(host)
    terms = ReportTerms(proof_key=b"1" * 32, engine=EngineChoice.DOCKER)
    at = datetime.now(timezone.utc)
    with transaction(bench.url) as connection:
        assert shared.keep_terms(connection, first.validation_id, host, terms) == terms
        assert shared.keep_command_start(connection, first.validation_id, host, at).command_started_at == at
        ledger.keep_first_sign(connection, [host.name])
        ledger.keep_command_end(connection, host.ledger_id, at)
        assert ledger.works_for_open_validation(connection, host.ledger_id)
    assert host_of(bench, first.validation_id).first_sign_at is not None
    finished(bench, claim)

    following = with_turn(bench, worker_id, machine)
    assert following.validation_id == second.validation_id
    host = host_of(bench, second.validation_id)
    assert (host.ledger_id, host.command_started_at, host.first_sign_at) == (machine.ledger_id, None, None)
    with transaction(bench.url) as connection:
        assert shared.told_terms(connection, second.validation_id, host) is None, "each turn has a key of its own"
        # The last command of the machine counts.
        later = at + timedelta(minutes=5)
        ledger.keep_command_end(connection, host.ledger_id, later)
        ended = connection.execute("select command_ended_at from instances where ledger_id = %s", (host.ledger_id,))
        assert ended.fetchone() == {"command_ended_at": later}
    # What worked there before still finds it.
    assert host_of(bench, first.validation_id).ledger_id == machine.ledger_id


def test_a_machine_has_one_turn_at_a_time(bench: Bench) -> None:
    worker_id, machine = worker_with_machine(bench)
    bench.task()
    claim = with_turn(bench, worker_id, machine)
    _, (stranger, _) = insert_run(bench.url, deployment=bench.deployment)
    with transaction(bench.url) as connection, pytest.raises(ConflictError, match="works for another repository"):
        turns.give(connection, claim, stranger, machine)


def test_a_turn_ends_with_its_claim_whoever_forgets_to_end_it(bench: Bench) -> None:
    worker_id, machine = worker_with_machine(bench)
    first = bench.task(priority=1)
    claim = with_turn(bench, worker_id, machine)
    with transaction(bench.url) as connection:
        assert tasks.cancel(connection, first.task_id) is not None
        assert workers.move(connection, worker_id, WorkerState.READY)
    second = bench.task()
    following = with_turn(bench, worker_id, machine)
    assert (following.validation_id, following.held.fence > claim.held.fence) == (second.validation_id, True)


def test_another_machine_has_another_number_and_what_the_first_did_says_nothing(bench: Bench) -> None:
    task = bench.task()
    validation_id = task.validation_id
    assert validation_id is not None
    lost, machine = worker_with_machine(bench)
    claim = with_turn(bench, lost, machine)
    with transaction(bench.url) as connection:
        assert tasks.give_back(connection, claim.held, is_blamed=False)
        turns.end(connection, claim.held)
        assert workers.move(connection, lost, WorkerState.LOST, end=WorkerEnd.LOST)
    fresh, other = worker_with_machine(bench)
    following = with_turn(bench, fresh, other)
    host = host_of(bench, validation_id)
    assert (host.ledger_id, host.generation) == (other.ledger_id, 2)
    assert following.deadline_at == claim.deadline_at == host.deadline_at
    outcomes = []
    for ledger_id, outcome in (
        (machine.ledger_id, WatchOutcome.INSTANCE_LOST),
        (other.ledger_id, WatchOutcome.COMMAND_FINISHED),
    ):
        with transaction(bench.url) as connection:
            validation_store.keep_watch_outcome(
                connection, validation_id, ledger_id, outcome, command_status=None, exit_code=None
            )
            outcomes.append(validation_store.get_validation(connection, validation_id).watch_outcome)
    assert outcomes == [None, WatchOutcome.COMMAND_FINISHED]


def test_on_the_same_machine_again_it_begins_anew(bench: Bench) -> None:
    """As when its command couldn't be delivered."""
    task = bench.task()
    assert task.validation_id is not None
    worker_id, machine = worker_with_machine(bench)
    claim = with_turn(bench, worker_id, machine)
    with transaction(bench.url) as connection:
        shared.keep_command_start(connection, task.validation_id, machine, datetime.now(timezone.utc))
        assert tasks.give_back(connection, claim.held, is_blamed=False)
        turns.end(connection, claim.held)
        assert workers.move(connection, worker_id, WorkerState.READY)
    with_turn(bench, worker_id, machine)
    host = host_of(bench, task.validation_id)
    assert (host.ledger_id, host.generation, host.command_started_at) == (machine.ledger_id, 2, None)


@pytest.mark.parametrize("change", ["state = 'stopping'", "given_up_at = now()", "termination_reason = 'orphan'"])
def test_nothing_is_claimed_for_a_machine_that_is_ending(bench: Bench, change: str) -> None:
    worker_id, machine = worker_with_machine(bench)
    bench.task()
    bench.as_owner(f"update instances set {change} where ledger_id = %s", machine.ledger_id)
    assert bench.claim(worker_id) is None
    assert bench.claim(worker_with_machine(bench)[0]) is not None


def is_over(bench: Bench, machine: InstanceRecord) -> bool:
    assert machine.instance_id is not None
    with transaction(bench.url) as connection:
        (fact,) = reaping.facts_of(connection, bench.deployment, [machine.instance_id])
    return fact.owner_is_over


@pytest.mark.parametrize("end", [WorkerState.LOST, WorkerState.QUARANTINED, WorkerState.TERMINATING])
def test_for_the_reaper_an_owner_is_over_when_nothing_comes_of_it_any_more(bench: Bench, end: WorkerState) -> None:
    worker_id, machine = worker_with_machine(bench)
    assert not is_over(bench, machine)
    with transaction(bench.url) as connection:
        workers.drain(connection, worker_id, WorkerEnd.IDLE, why="idle", within=timedelta(minutes=1))
    assert not is_over(bench, machine)
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker_id, end)
    assert is_over(bench, machine)


def test_a_validation_is_abandoned_when_its_turn_is_over_though_its_machine_lives(bench: Bench) -> None:
    worker_id, machine = worker_with_machine(bench)
    task = bench.task()
    claim = with_turn(bench, worker_id, machine)

    def abandoned() -> list[UUID]:
        with transaction(bench.url) as connection:
            found = reaping.abandoned_validations(connection, bench.deployment, datetime.now(timezone.utc))
        return [validation_id for validation_id, _ in found]

    bench.as_owner(
        "update repository_validations set deadline_at = now() - interval '1 hour' where validation_id = %s",
        task.validation_id,
    )
    assert abandoned() == [], "somebody has it"
    with transaction(bench.url) as connection:
        assert tasks.cancel(connection, claim.held.task_id) is not None
    assert abandoned() == [task.validation_id]


def test_what_is_set_aside_for_a_worker_is_settled_when_it_has_ended(bench: Bench) -> None:
    worker_id, machine = worker_with_machine(bench)
    failed = bench.worker(provider=Provider.EC2)
    with transaction(bench.url) as connection:
        never = workers.request(connection, bench.deployment, bench.pool, Provider.EC2)
        day = budget.lock_budget(connection, bench.deployment)
        amounts = {owner_of_worker(each): Decimal(5) for each in (worker_id, never, failed)}
        budget.reserve_launches(connection, deployment=bench.deployment, run_id=None, day=day, amounts=amounts)

    def settle() -> set[UUID]:
        with transaction(bench.url) as connection:
            budget.settle_reservations(connection, bench.deployment)
            rows = connection.execute(
                "select owner_id from budget_reservations where deployment = %s and released_at is not null",
                (bench.deployment,),
            )
            return {row["owner_id"] for row in rows}

    assert settle() == set()
    with transaction(bench.url) as connection:
        assert workers.move(connection, never, WorkerState.FAILED, end=WorkerEnd.SPAWN_FAILED)
        assert workers.move(connection, worker_id, WorkerState.TERMINATING, end=WorkerEnd.IDLE)
        end_machine(connection, machine, termination_reason_of(WorkerEnd.IDLE))
    assert settle() == {never}, "its machine is gone, and it isn't yet"
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker_id, WorkerState.TERMINATED)
    assert settle() == {never, worker_id}


def test_people_see_what_lives_what_is_wrong_what_happened_and_what_it_cost(
    bench: Bench, database: TestDatabase
) -> None:
    worker_id, machine = worker_with_machine(bench)
    task = bench.task()
    claim = with_turn(bench, worker_id, machine)

    def seen(view: str) -> list[dict[str, object]]:
        with psycopg.connect(database.reader_url, row_factory=dict_row, options="-c search_path=janitor") as connection:
            return connection.execute(
                f"select * from {view} where deployment = %s".encode(), (bench.deployment,)
            ).fetchall()

    (live,) = seen("pool_live")
    assert (live["worker_id"], live["task_id"], live["instance_id"], live["repository"]) == (
        worker_id,
        task.task_id,
        machine.instance_id,
        "acme/worker-a",
    )
    assert seen("pool_health") == []
    bench.as_owner("update workers set last_alive_at = now() - interval '2 minutes' where worker_id = %s", worker_id)
    bench.as_owner(
        "update tasks set state = 'running', started_at = now() - interval '1 hour', lease_until = now(),"
        " deadline_at = now() where task_id = %s",
        task.task_id,
    )
    with transaction(bench.url) as connection:
        workers.mark_suspect(connection, worker_id)
    assert {row["what"] for row in seen("pool_health")} == {
        *("stale", "suspect", "past its limit", "lease is over", "no progress"),
    }
    assert [each.held for each in bench.expire()] == [claim.held]
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker_id, WorkerState.TERMINATING)
        end_machine(connection, machine, termination_reason_of(WorkerEnd.LOST))
        assert workers.move(connection, worker_id, WorkerState.TERMINATED)
    assert seen("pool_live") == []
    happened = [row["what"] for row in sorted(seen("pool_activity"), key=lambda row: str(row["at"]))]
    assert happened == ["requested", "claimed", "given back", "over"]
    # The task was on the machine that there was, whichever attempt at one that was.
    bench.as_owner("update instances set generation = 2 where ledger_id = %s", machine.ledger_id)
    (cost,) = seen("pool_cost")
    assert (cost["pool"], cost["machines"], cost["tasks"], cost["machines_without_price"]) == ("p", 1, 0, 0)
    assert isinstance(cost["busy_seconds"], Decimal)
    assert cost["busy_seconds"] > 0
    assert cost["cost_usd"] == Decimal("0.0170"), "a minute at least, and a volume for so long"
    (wasted,) = seen("waste")
    assert (wasted["termination_reason"], wasted["ended_by"]) == ("lost_worker", "its pool")


def test_each_end_of_a_machine_says_by_whom(database: TestDatabase) -> None:
    with psycopg.connect(database.reader_url) as connection:
        row = connection.execute("select pg_get_viewdef('janitor.waste'::regclass)").fetchone()
    assert row is not None
    assert [each.value for each in TerminationReason if f"'{each.value}'::text" not in row[0]] == []


def test_an_owner_of_another_kind_is_none(bench: Bench) -> None:
    """A worker's claim asks for a machine of that worker, not for one that has its id by chance."""
    worker_id = bench.worker(provider=Provider.EC2)
    bench.task()
    assert bench.claim(worker_id) is None
    assert owner_of_worker(worker_id) == Owner(kind=OwnerKind.WORKER, id=worker_id)
