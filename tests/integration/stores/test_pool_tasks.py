"""Tasks and workers of a pool: what a claim takes, what its fence allows, and what a lost worker costs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import psycopg
import pytest

from janitor.domain.pool.states import TaskKind, TaskState, WorkerEnd, WorkerState
from janitor.stores.database import transaction
from janitor.stores.pool import decisions, passes, stops, tasks, workers
from janitor.stores.pool.records import Claim, NewTask, TaskRecord, WorkerRecord
from tests.support.pool import LEASE, LIMIT, Bench, bench_in
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run


@pytest.fixture
def bench(database: TestDatabase) -> Bench:
    return bench_in(database.writer_url, database.owner_url)


def worker_of(bench: Bench, worker_id: UUID) -> WorkerRecord:
    with transaction(bench.url) as connection:
        found = workers.get(connection, worker_id)
    assert found is not None
    return found


def task_of(bench: Bench, task: NewTask) -> TaskRecord:
    with transaction(bench.url) as connection:
        found = tasks.get(connection, task.task_id)
    assert found is not None
    return found


def finish(bench: Bench, claim: Claim, state: TaskState = TaskState.DONE) -> bool:
    reason = "broken" if state is TaskState.FAILED else None
    with transaction(bench.url) as connection:
        return tasks.finish(connection, claim.held, state, {"said": 1}, reason_code=reason)


def lose(bench: Bench, claim: Claim) -> tasks.EndedLease:
    bench.let_lease_pass(claim)
    (ended,) = bench.expire()
    bench.let_wait_pass()
    return ended


def test_a_task_is_claimed_worked_on_and_finished(bench: Bench) -> None:
    worker, task = bench.worker(), bench.task()
    claim = bench.claimed(worker)
    assert (claim.held.task_id, claim.validation_id, claim.attempt) == (task.task_id, task.validation_id, 1)
    assert claim.deadline_at - claim.lease_until == pytest.approx(LIMIT - LEASE, abs=timedelta(seconds=1))
    busy = worker_of(bench, worker)
    assert (busy.state, busy.held, busy.last_fence) == (WorkerState.BUSY, claim.held, claim.held.fence)
    assert busy.trust_domain == "organization:acme"
    assert task_of(bench, task).state is TaskState.CLAIMED
    with transaction(bench.url) as connection:
        assert tasks.begin(connection, claim.held)
        assert tasks.renew(connection, claim.held, LEASE)
        assert tasks.keep_progress(connection, claim.held)
    assert task_of(bench, task).state is TaskState.RUNNING

    assert finish(bench, claim)
    done, after = task_of(bench, task), worker_of(bench, worker)
    assert (done.state, done.held, done.result) == (TaskState.DONE, None, {"said": 1})
    assert done.last_claim is not None
    assert (done.last_claim.held, done.last_claim.ordinal) == (claim.held, 1)
    # Its worker is to be cleaned before it gets anything else.
    assert (after.state, after.task, after.tasks_done) == (WorkerState.BUSY, None, 1)
    assert after.last_task_ended_at is not None
    assert not finish(bench, claim)
    bench.task()
    assert bench.claim(worker) is None
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker, WorkerState.READY)
    assert bench.claimed(worker).held.fence > claim.held.fence


def test_the_same_validation_again_is_the_same_task(bench: Bench) -> None:
    task = bench.task()
    with transaction(bench.url) as connection:
        again = NewTask(
            deployment=bench.deployment, pool="other", validation_id=task.validation_id, time_limit=LIMIT, priority=9
        )
        assert tasks.enqueue(connection, again) == task.task_id
    assert finish(bench, bench.claimed(bench.worker()))
    with transaction(bench.url) as connection:
        assert tasks.enqueue(connection, again) == again.task_id
        assert task.validation_id is not None
        found = tasks.of_validation(connection, task.validation_id)
    assert found is not None
    assert (found.task_id, found.priority) == (again.task_id, 9)


def test_the_urgent_comes_first_then_who_waits_longest(bench: Bench) -> None:
    later, first, urgent = bench.task(), bench.task(), bench.task(priority=5)
    bench.task(not_before=datetime.now(timezone.utc) + timedelta(hours=1), priority=9)
    bench.as_owner("update tasks set queued_at = queued_at - interval '1 hour' where task_id = %s", first.task_id)
    with transaction(bench.url) as connection:
        (waiting,) = tasks.waiting(connection, bench.deployment, bench.pool)
        order = [each.task_id for each in tasks.open_tasks(connection, bench.deployment)]
    assert (waiting.trust_domain, waiting.count) == ("organization:acme", 3)
    assert datetime.now(timezone.utc) - waiting.oldest_at > timedelta(minutes=59)
    assert order[1:] == [urgent.task_id, first.task_id, later.task_id]
    claimed = [bench.claimed(bench.worker()).held.task_id for _ in range(3)]
    assert claimed == [urgent.task_id, first.task_id, later.task_id]
    assert bench.claim(bench.worker()) is None


@pytest.mark.parametrize(
    ("requires", "is_met"),
    [
        ({}, True),
        ({"engine": "docker"}, True),
        ({"engine": "venv"}, False),
        ({"instance_type": ["g6.xlarge", "g5.xlarge"]}, True),
        ({"instance_type": ["g6.xlarge"]}, False),
        ({"min_vram_gib": 24}, True),
        ({"min_vram_gib": 24.5}, False),
        ({"min_disk_gib": 1}, False),
        ({"gpu": "A10G"}, False),
        ({"gpu": ["A10G"]}, False),
        ({"engine": "docker", "min_vram_gib": 80}, False),
    ],
)
def test_a_worker_gets_what_it_has_the_means_for(bench: Bench, requires: dict[str, object], is_met: bool) -> None:
    task = bench.task(requires=requires)
    worker = bench.worker(offers={"engine": "docker", "instance_type": "g5.xlarge", "vram_gib": 24})
    claim = bench.claim(worker)
    assert (claim is not None and claim.held.task_id == task.task_id) is is_met


def test_organizations_never_share_a_worker(bench: Bench) -> None:
    ours, theirs = bench.task(trust_domain="organization:acme"), bench.task(trust_domain="organization:other")
    first = bench.worker()
    claim = bench.claimed(first)
    assert claim.held.task_id == ours.task_id
    assert finish(bench, claim)
    with transaction(bench.url) as connection:
        assert workers.move(connection, first, WorkerState.READY)
    assert bench.claim(first) is None
    assert bench.claimed(bench.worker()).held.task_id == theirs.task_id


def test_what_shares_with_nobody_has_a_worker_that_had_nobody(bench: Bench) -> None:
    used, fresh = bench.worker(), bench.worker()
    bench.task(priority=2)
    assert finish(bench, bench.claimed(used))
    alone = bench.task(trust_domain=None, priority=1)
    for worker in (used, fresh):
        with transaction(bench.url) as connection:
            workers.move(connection, worker, WorkerState.READY)
    assert bench.claim(used) is None
    claim = bench.claimed(fresh)
    assert claim.held.task_id == alone.task_id
    assert worker_of(bench, fresh).is_single_use
    assert finish(bench, claim)
    with transaction(bench.url) as connection:
        assert workers.move(connection, fresh, WorkerState.READY)
    bench.task(trust_domain=None)
    bench.task()
    assert bench.claim(fresh) is None, "after a task that shares with nobody comes none"


def test_a_probe_leaves_its_worker_to_anybody(bench: Bench) -> None:
    worker = bench.worker()
    probe = NewTask(deployment=bench.deployment, pool=bench.pool, kind=TaskKind.PROBE, time_limit=LIMIT)
    with transaction(bench.url) as connection:
        tasks.enqueue(connection, probe)
    claim = bench.claimed(worker)
    assert (claim.kind, claim.validation_id) == (TaskKind.PROBE, None)
    assert finish(bench, claim)
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker, WorkerState.READY)
    after = worker_of(bench, worker)
    assert (after.trust_domain, after.is_single_use) == (None, False)
    alone = bench.task(trust_domain=None)
    assert bench.claimed(worker).held.task_id == alone.task_id


def test_a_stale_holder_changes_nothing_once_its_lease_is_over(bench: Bench) -> None:
    slow, task = bench.worker(), bench.task()
    claim = bench.claimed(slow)
    bench.let_lease_pass(claim)
    # Before anybody has noticed.
    with transaction(bench.url) as connection:
        assert not tasks.renew(connection, claim.held, LEASE)
        assert not tasks.begin(connection, claim.held)
        assert not tasks.finish(connection, claim.held, TaskState.DONE, {"said": "late"})
        assert not tasks.give_back(connection, claim.held, is_blamed=False)
    (ended,) = bench.expire()
    assert (ended.held, ended.state, ended.attempts) == (claim.held, TaskState.QUEUED, 1)
    lost = worker_of(bench, slow)
    assert (lost.state, lost.end_reason, lost.task) == (WorkerState.LOST, WorkerEnd.LOST, None)
    bench.let_wait_pass()
    # And when somebody else has it.
    fresh = bench.claimed(bench.worker())
    assert fresh.held.task_id == task.task_id
    assert fresh.held.fence > claim.held.fence
    with transaction(bench.url) as connection:
        assert not tasks.renew(connection, claim.held, LEASE)
        assert not tasks.finish(connection, claim.held, TaskState.DONE, {"said": "late"})
        assert not workers.keep_alive(connection, slow), "told to stop"
        assert not workers.move(connection, slow, WorkerState.READY)
    assert finish(bench, fresh)
    assert task_of(bench, task).result == {"said": 1}


def test_a_task_that_loses_three_workers_is_poison_and_the_queue_goes_on(bench: Bench) -> None:
    poison, other = bench.task(priority=1), bench.task()
    for attempt in (1, 2, 3):
        claim = bench.claimed(bench.worker())
        assert (claim.held.task_id, claim.attempt) == (poison.task_id, attempt)
        ended = lose(bench, claim)
        assert ended.state is (TaskState.FAILED if attempt == 3 else TaskState.QUEUED)
    failed = task_of(bench, poison)
    assert (failed.state, failed.reason_code, failed.attempts) == (TaskState.FAILED, "poison", 3)
    with transaction(bench.url) as connection:
        live = workers.live(connection, bench.deployment, bench.pool)
    assert {each.state for each in live} == {WorkerState.LOST}
    assert len(live) == 3
    assert bench.claimed(bench.worker()).held.task_id == other.task_id


def test_a_lost_task_waits_a_little_before_it_takes_the_next_worker(bench: Bench) -> None:
    task = bench.task()
    claim = bench.claimed(bench.worker())
    bench.let_lease_pass(claim)
    bench.expire()
    assert bench.claim(bench.worker()) is None
    pause = task_of(bench, task).not_before
    assert pause is not None
    assert timedelta(seconds=5) < pause - datetime.now(timezone.utc) <= timedelta(seconds=10)


def test_a_machine_that_was_taken_away_is_not_its_tasks_fault(bench: Bench) -> None:
    task = bench.task()
    for _ in range(5):
        worker = bench.worker()
        claim = bench.claimed(worker)
        assert claim.attempt == 1
        with transaction(bench.url) as connection:
            assert tasks.give_back(connection, claim.held, is_blamed=False)
            assert workers.move(connection, worker, WorkerState.LOST, end=WorkerEnd.LOST)
    given = task_of(bench, task)
    assert (given.state, given.attempts, given.not_before) == (TaskState.QUEUED, 0, None)


def test_given_back_for_its_own_fault_it_is_poison_in_the_end(bench: Bench) -> None:
    task = bench.task(max_attempts=2)
    for state in (TaskState.QUEUED, TaskState.FAILED):
        with transaction(bench.url) as connection:
            assert tasks.give_back(connection, bench.claimed(bench.worker()).held, is_blamed=True)
        bench.let_wait_pass()
        assert task_of(bench, task).state is state
    assert task_of(bench, task).reason_code == "poison"


@pytest.mark.parametrize("has_begun", [True, False])
def test_what_began_on_a_worker_and_was_given_back_is_for_another_one(bench: Bench, has_begun: bool) -> None:
    task, worker = bench.task(), bench.worker()
    claim = bench.claimed(worker)
    with transaction(bench.url) as connection:
        if has_begun:
            assert tasks.begin(connection, claim.held)
        assert tasks.give_back(connection, claim.held, is_blamed=has_begun)
        assert workers.move(connection, worker, WorkerState.READY)
    bench.let_wait_pass()
    again = bench.claim(worker)
    if not has_begun:
        assert again is not None, "as when its order couldn't be delivered"
        return
    assert again is None
    assert bench.claimed(bench.worker()).held.task_id == task.task_id


def test_the_hard_limit_counts_from_the_first_claim_and_holds_over_a_loss(bench: Bench) -> None:
    task = bench.task()
    first = bench.claimed(bench.worker())
    lose(bench, first)
    second = bench.claimed(bench.worker())
    assert second.deadline_at == first.deadline_at
    lose(bench, second)
    bench.as_owner("update tasks set deadline_at = now() where task_id = %s", task.task_id)
    assert bench.claim(bench.worker()) is None
    with transaction(bench.url) as connection:
        assert tasks.expire_waiting(connection, bench.deployment) == [task.task_id]
        assert tasks.expire_waiting(connection, bench.deployment) == []
    expired = task_of(bench, task)
    assert (expired.state, expired.reason_code) == (TaskState.EXPIRED, "deadline")


def test_a_runs_tasks_are_cancelled_and_who_has_one_is_named(bench: Bench) -> None:
    run_id, (one, other) = insert_run(bench.url, deployment=bench.deployment)
    held, waiting = bench.task_of(one, priority=1), bench.task_of(other)
    foreign = bench.task()
    worker = bench.worker()
    claim = bench.claimed(worker)
    with transaction(bench.url) as connection:
        ended = [tasks.cancel_of_validation(connection, each) for each in passes.open_of_run(connection, run_id)]
        found = {each.task_id: each.held for each in ended if each is not None}
        assert found == {held.task_id: claim.held, waiting.task_id: None}
        assert passes.open_of_run(connection, run_id) == []
    assert task_of(bench, foreign).state is TaskState.QUEUED
    assert not finish(bench, claim)
    assert (task_of(bench, held).state, task_of(bench, held).reason_code) == (TaskState.CANCELLED, "cancelled")
    # Its machine still works: whoever cancelled has to see to that.
    assert (worker_of(bench, worker).state, worker_of(bench, worker).task) == (WorkerState.BUSY, None)


def test_a_validation_that_got_its_end_another_way_has_its_task_done(bench: Bench) -> None:
    task = bench.task()
    assert task.validation_id is not None
    with transaction(bench.url) as connection:
        ended = tasks.cancel_of_validation(connection, task.validation_id, TaskState.DONE)
        assert tasks.cancel_of_validation(connection, task.validation_id) is None
        assert tasks.cancel(connection, task.task_id) is None
    assert ended is not None
    assert (ended.task_id, ended.held) == (task.task_id, None)
    assert (task_of(bench, task).state, task_of(bench, task).reason_code) == (TaskState.DONE, None)


def test_tasks_whose_validation_has_ended_are_found(bench: Bench) -> None:
    held, waiting, other = bench.task(priority=2), bench.task(priority=1), bench.task()
    claim = bench.claimed(bench.worker())
    for task in (held, waiting):
        bench.as_owner(
            "update repository_validations set status = 'cancelled', finished_at = now() where validation_id = %s",
            task.validation_id,
        )
    with transaction(bench.url) as connection:
        ended = [
            tasks.cancel_of_validation(connection, each, TaskState.DONE)
            for each in passes.settled(connection, bench.deployment)
        ]
        found = {each.task_id: each.held for each in ended if each is not None}
        assert found == {held.task_id: claim.held, waiting.task_id: None}
        assert passes.settled(connection, bench.deployment) == []
    assert task_of(bench, other).state is TaskState.QUEUED


@pytest.mark.parametrize("state", [TaskState.QUEUED, TaskState.RUNNING, TaskState.FAILED])
def test_a_task_ends_as_something_final_and_a_failure_says_why(bench: Bench, state: TaskState) -> None:
    bench.task()
    claim = bench.claimed(bench.worker())
    with transaction(bench.url) as connection, pytest.raises(ValueError, match="a task doesn't end as"):
        tasks.finish(connection, claim.held, state)


def test_a_draining_worker_gets_nothing_more_and_keeps_what_it_has(bench: Bench) -> None:
    busy, idle = bench.worker(), bench.worker()
    bench.task()
    claim = bench.claimed(busy)
    bench.task()
    within = timedelta(minutes=10)
    with transaction(bench.url) as connection:
        kept = workers.drain(connection, busy, WorkerEnd.RECYCLED, why="old enough", within=within, only_idle=True)
        assert kept is None, "not idle"
        drained = workers.drain(connection, busy, WorkerEnd.RECYCLED, why="old enough", within=within)
        assert drained is not None
        assert drained.held == claim.held
        free = workers.drain(connection, idle, WorkerEnd.IDLE, why="nothing to do", within=within, only_idle=True)
        assert free is not None
        assert free.held is None
        assert workers.drain(connection, idle, WorkerEnd.OPERATOR, why="again", within=within) is None
    assert bench.claim(idle) is None
    assert finish(bench, claim)
    with transaction(bench.url) as connection:
        assert not workers.move(connection, busy, WorkerState.READY)
        assert workers.move(connection, busy, WorkerState.TERMINATING)
        assert workers.move(connection, busy, WorkerState.TERMINATED)
    ended = worker_of(bench, busy)
    assert (ended.end_reason, ended.drain_reason) == (WorkerEnd.RECYCLED, "old enough")
    assert ended.over_since is not None
    assert ended.ended_at is not None
    with transaction(bench.url) as connection:
        assert [each.worker_id for each in workers.ended(connection, bench.deployment, count=5)] == [busy]
        assert [each.worker_id for each in workers.live(connection, bench.deployment)] == [idle]


def test_what_is_to_end_gets_nothing_more_whatever_its_state(bench: Bench) -> None:
    worker = bench.worker()
    bench.task()
    with transaction(bench.url) as connection:
        workers.want_end(connection, worker, WorkerEnd.OPERATOR)
        workers.want_end(connection, worker, WorkerEnd.IDLE)
    assert bench.claim(worker) is None
    assert worker_of(bench, worker).end_wanted is WorkerEnd.OPERATOR


def test_a_reason_of_an_end_is_kept_of_an_end_alone(bench: Bench) -> None:
    worker, lost = bench.worker(), bench.worker()
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker, WorkerState.BUSY, end=WorkerEnd.OPERATOR)
        assert workers.move(connection, lost, WorkerState.LOST)
        assert workers.move(connection, lost, WorkerState.TERMINATING, end=WorkerEnd.OPERATOR)
    assert worker_of(bench, worker).end_reason is None
    assert worker_of(bench, lost).end_reason is WorkerEnd.LOST


def test_marks_stand_from_the_first_look_and_a_sign_takes_suspicion_back(bench: Bench) -> None:
    worker = bench.worker()
    with transaction(bench.url) as connection:
        workers.mark_suspect(connection, worker)
        workers.mark_surplus(connection, worker)
    first = worker_of(bench, worker)
    assert first.suspect_since is not None
    with transaction(bench.url) as connection:
        workers.mark_suspect(connection, worker)
        workers.mark_surplus(connection, worker)
        assert workers.keep_alive(connection, worker)
        # One that came late says nothing new.
        workers.mark_suspect(connection, worker)
        assert workers.keep_alive(connection, worker, datetime.now(timezone.utc) - timedelta(hours=1))
    again = worker_of(bench, worker)
    assert again.suspect_since is not None
    assert again.suspect_since > first.suspect_since
    assert again.surplus_since == first.surplus_since
    bench.task()
    bench.claimed(worker)
    assert worker_of(bench, worker).surplus_since is None
    with transaction(bench.url) as connection:
        workers.clear_marks(connection, worker)
        assert not workers.keep_alive(connection, uuid4()), "unknown: it has to stop"
    seen = worker_of(bench, worker).seen(is_machine_gone=None)
    assert (seen.suspect_since, seen.state, seen.is_machine_gone) == (None, WorkerState.BUSY, None)
    assert seen.task is not None


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("update tasks set state = 'running' where task_id = %s", "may not go from queued to running"),
        ("update tasks set fence = 1 where task_id = %s", "tasks_held"),
        ("update tasks set lease_until = now() where task_id = %s", "tasks_held"),
        ("update tasks set state = 'claimed', claimed_at = now() where task_id = %s", "tasks_held"),
        ("update tasks set ended_at = now() where task_id = %s", "tasks_ended"),
        ("update tasks set state = 'failed' where task_id = %s", "tasks_failed"),
        ("update tasks set attempts = 4 where task_id = %s", "tasks_attempts"),
        ("update tasks set started_at = now() where task_id = %s", "tasks_running"),
    ],
)
def test_the_database_refuses_what_no_task_can_be(bench: Bench, change: str, constraint: str) -> None:
    task = bench.task()
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        bench.as_owner(change, task.task_id)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("update workers set state = 'lost' where worker_id = %s", "workers_end_has_reason"),
        ("update workers set state = 'draining' where worker_id = %s", "workers_draining"),
        (
            "update workers set state = 'terminated' where worker_id = %s",
            "may not go from ready to terminated",
        ),
        ("update workers set ended_at = now() where worker_id = %s", "workers_ended"),
        ("update workers set over_since = now(), end_reason = 'lost' where worker_id = %s", "workers_over"),
        ("update workers set is_single_use = true, trust_domain = 'x' where worker_id = %s", "workers_one_trust"),
    ],
)
def test_the_database_refuses_what_no_worker_can_be(bench: Bench, change: str, constraint: str) -> None:
    worker = bench.worker()
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        bench.as_owner(change, worker)


def test_decisions_are_kept_with_what_they_saw_and_stops_win(bench: Bench) -> None:
    with transaction(bench.url) as connection:
        decisions.keep(connection, bench.deployment, "p", inputs={"waiting": 2}, actions=[], why="nothing to do")
        decisions.keep(
            connection, bench.deployment, "p", inputs={"waiting": 3}, actions=[{"kind": "spawn"}], why="a long wait"
        )
        decisions.keep(connection, bench.deployment, "q", inputs={}, actions=[], why="another pool")
    bench.as_owner(
        "update pool_decisions set decided_at = now() - interval '20 days' where deployment = %s and pool = 'q'",
        bench.deployment,
    )
    with transaction(bench.url) as connection:
        decisions.keep(connection, bench.deployment, "p", inputs={}, actions=[], why="last")
        recent = decisions.recent(connection, bench.deployment, count=9)
        assert [each.why for each in recent] == ["last", "a long wait", "nothing to do"]
        (acted,) = decisions.recent(connection, bench.deployment, "p", count=9, with_actions_alone=True)
        assert (acted.inputs, acted.actions) == ({"waiting": 3}, ({"kind": "spawn"},))

        assert not stops.is_stopped(connection, bench.deployment, "p")
        assert stops.stop(connection, bench.deployment, "p", "ann")
        assert not stops.stop(connection, bench.deployment, "p", "bob")
        assert stops.is_stopped(connection, bench.deployment, "p")
        assert [(each.pool, each.stopped_by) for each in stops.stopped(connection, bench.deployment)] == [("p", "ann")]
        assert stops.resume(connection, bench.deployment, "p")
        assert not stops.resume(connection, bench.deployment, "p")


def test_what_was_seen_of_a_worker_holds_until_it_is_moved_or_has_a_claim(bench: Bench) -> None:
    def holds(seen: WorkerRecord) -> bool:
        with transaction(bench.url) as connection:
            return workers.lock_as_seen(connection, seen)

    worker = bench.worker()
    ready = worker_of(bench, worker)
    assert holds(ready)
    for _ in range(2):
        bench.task()
    first = bench.claimed(worker)
    assert not holds(ready)
    assert finish(bench, first)
    between = worker_of(bench, worker)
    assert holds(between)
    with transaction(bench.url) as connection:
        assert workers.move(connection, worker, WorkerState.READY)
    assert not holds(between)
    bench.claimed(worker)
    # Busy as before, by another claim.
    assert worker_of(bench, worker).state is between.state
    assert not holds(between)
