"""The pool where things happen at once: claims and drains, holders that are killed or stopped, a server that goes."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from janitor.domain.errors import DatabaseError
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.stores.database import transaction
from janitor.stores.migrate import migrate
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import Claim, Drain
from tests.support.pool import EFFECTS, LEASE, Bench, bench_in, end_claimer, start_claimer, writing
from tests.support.postgres import TestDatabase, restartable_postgres

DEADLINE = timedelta(seconds=150)


@pytest.fixture
def bench(database: TestDatabase) -> Bench:
    made = bench_in(database.writer_url, database.owner_url)
    made.as_owner(EFFECTS)
    return made


def counted(bench: Bench, statement: str) -> int:
    with transaction(bench.url) as connection:
        row = connection.execute(statement.encode(), (bench.deployment,)).fetchone()
    assert row is not None
    return int(next(iter(row.values())))


OPEN = "select count(*) from tasks where deployment = %s and ended_at is null"
EFFECTS_OF = "from pool_effects e join tasks t using (task_id) where t.deployment = %s"


def _claimers_that_are_killed(bench: Bench, *, claimers: int, count: int, every: float, work: float, seed: int) -> int:
    """Claimers work off a queue while one after another is killed; returns how many were killed in mid-task."""
    chance = random.Random(seed)
    bench.many_tasks(count)
    lease = timedelta(seconds=1)

    def start() -> subprocess.Popen[str]:
        return start_claimer(bench, lease=lease, work=timedelta(seconds=work))

    give_up_at = time.monotonic() + DEADLINE.total_seconds()
    with ExitStack() as running:
        alive = [start() for _ in range(claimers)]
        running.callback(lambda: [end_claimer(each) for each in alive])
        for each in alive:
            assert each.stdout is not None
            assert each.stdout.readline() == "claimed\n"
        kill_at = time.monotonic() + every
        while counted(bench, OPEN):
            assert time.monotonic() < give_up_at, f"{counted(bench, OPEN)} tasks are left"
            if time.monotonic() >= kill_at:
                victim = chance.randrange(claimers)
                end_claimer(alive[victim])
                alive[victim] = start()
                kill_at = time.monotonic() + every
            bench.expire()
            # The pause after a loss would make the test long.
            bench.let_wait_pass()
            time.sleep(0.05)
    done = counted(bench, "select count(*) from tasks where deployment = %s and state = 'done'")
    poison = counted(bench, "select count(*) from tasks where deployment = %s and reason_code = 'poison'")
    assert done + poison == count
    assert counted(bench, f"select count(*) {EFFECTS_OF}") == done
    assert counted(bench, f"select count(distinct e.task_id) {EFFECTS_OF} and t.state = 'done'") == done
    assert counted(bench, "select max(attempts) from tasks where deployment = %s") <= 3
    claims = "from task_claims c join tasks t using (task_id) where t.deployment = %s"
    assert counted(bench, f"select count(*) {claims} and c.ended_at is null") == 0
    lost = counted(bench, f"select count(*) {claims} and (c.ended_as = 'queued' or t.reason_code = 'poison')")
    assert counted(bench, f"select count(*) {claims}") == done + lost
    return lost


def test_each_task_has_its_effect_once_though_claimers_are_killed(bench: Bench) -> None:
    lost = _claimers_that_are_killed(bench, claimers=4, count=60, every=0.7, work=0.4, seed=1)
    assert lost >= 1, "nobody was killed in mid-task"


def test_eight_claimers_of_five_hundred_tasks_of_whom_one_is_killed_each_second(bench: Bench) -> None:
    lost = _claimers_that_are_killed(bench, claimers=8, count=500, every=1, work=0.8, seed=2)
    assert lost >= 10, "hardly anybody was killed in mid-task"


def test_a_claimer_that_was_stopped_past_its_lease_stops_itself_and_has_no_effect(bench: Bench) -> None:
    bench.many_tasks(1)
    # Its work is longer than a loaded machine takes to stop it.
    work = timedelta(seconds=6)
    stopped = start_claimer(bench, lease=timedelta(seconds=2), work=work, at_least=work)
    try:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == "claimed\n"
        stopped.send_signal(signal.SIGSTOP)
        give_up_at = time.monotonic() + DEADLINE.total_seconds()
        while not (ended := bench.expire()):
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        bench.let_wait_pass()
        # Somebody else has it, and is at work, when the first one wakes up.
        fresh = bench.claimed(bench.worker())
        assert fresh.held.fence > ended[0].held.fence
        stopped.send_signal(signal.SIGCONT)
        assert stopped.stdout.readline() == "stale\n"
        assert stopped.wait(60) == 3
    finally:
        end_claimer(stopped)
    assert counted(bench, f"select count(*) {EFFECTS_OF}") == 0
    with transaction(bench.url) as connection:
        assert tasks.finish(connection, fresh.held, TaskState.DONE, {})


def _race(bench: Bench, rounds: int, *, only_idle: bool) -> Counter[str]:
    """A claim and a drain of one worker at once; how often which came first."""
    came_first: Counter[str] = Counter()
    chance = random.Random(rounds)
    start = threading.Barrier(2, timeout=60)
    with writing(bench.url) as claiming, writing(bench.url) as draining, ThreadPoolExecutor(2) as pool:

        def claim(worker_id: UUID, pause: float) -> Claim | None:
            start.wait()
            time.sleep(pause)
            with claiming.transaction():
                return tasks.claim(claiming, worker_id, lease=LEASE)

        def drain(worker_id: UUID, pause: float) -> Drain | None:
            start.wait()
            time.sleep(pause)
            with draining.transaction():
                return workers.drain(
                    draining, worker_id, WorkerEnd.IDLE, why="idle", within=timedelta(minutes=1), only_idle=only_idle
                )

        bench.many_tasks(1)
        for _ in range(rounds):
            with draining.transaction():
                worker_id = bench.worker_in(draining)
            pauses = chance.uniform(0, 0.002), chance.uniform(0, 0.002)
            claimed, drained = pool.submit(claim, worker_id, pauses[0]), pool.submit(drain, worker_id, pauses[1])
            claimed_by, drain_of = claimed.result(60), drained.result(60)
            # It is idle and may be ended, or it has what was claimed; never both, and never neither.
            if claimed_by is None:
                assert drain_of is not None
                assert drain_of.held is None
                came_first["drain"] += 1
                continue
            assert drain_of is None if only_idle else drain_of is not None and drain_of.held == claimed_by.held
            came_first["claim"] += 1
            with claiming.transaction():
                assert tasks.give_back(claiming, claimed_by.held, is_blamed=False)
                workers.move(claiming, worker_id, WorkerState.LOST, end=WorkerEnd.LOST)
    return came_first


@pytest.mark.parametrize("only_idle", [True, False])
def test_nothing_is_claimed_for_a_worker_that_a_drain_found_idle(bench: Bench, only_idle: bool) -> None:
    came_first = _race(bench, 500, only_idle=only_idle)
    assert min(came_first["drain"], came_first["claim"]) > 25, came_first


def test_a_claim_waits_for_no_other_task(bench: Bench) -> None:
    bench.many_tasks(2)
    with writing(bench.url) as other, other.transaction():
        held = other.execute(
            "select task_id from tasks where deployment = %s order by queued_at, task_id limit 1 for update",
            (bench.deployment,),
        ).fetchone()
        assert held is not None
        claim = bench.claimed(bench.worker())
        assert claim.held.task_id != held["task_id"]
        assert bench.claim(bench.worker()) is None


def test_of_two_claims_for_one_worker_one_gets_a_task(bench: Bench) -> None:
    """As when a pass and its successor overlap: neither waits for the other for good."""
    bench.many_tasks(60)
    start = threading.Barrier(2, timeout=60)
    with writing(bench.url) as one, writing(bench.url) as other, ThreadPoolExecutor(2) as pool:

        def claim(connection: psycopg.Connection[dict[str, object]], worker_id: UUID) -> Claim | None:
            start.wait()
            with connection.transaction():
                return tasks.claim(connection, worker_id, lease=LEASE)

        for _ in range(60):
            with one.transaction():
                worker_id = bench.worker_in(one)
            both = [pool.submit(claim, connection, worker_id) for connection in (one, other)]
            assert sum(each.result(60) is not None for each in both) == 1
    assert counted(bench, OPEN) == 60
    assert counted(bench, "select count(distinct worker_id) from tasks where deployment = %s") == 60


def test_a_task_finishes_once_though_the_server_goes_away_in_the_middle(tmp_path: Path) -> None:
    with restartable_postgres(tmp_path / "postgres") as server:
        database = server.database
        migrate(database.owner_url)
        bench = bench_in(database.writer_url, database.owner_url)
        bench.as_owner(EFFECTS)
        bench.many_tasks(1)
        claim = bench.claimed(bench.worker())
        with transaction(bench.url) as connection:
            assert tasks.begin(connection, claim.held)

        def finish(before_commit: Callable[[], None] = lambda: None) -> bool:
            with transaction(bench.url) as connection:
                is_held = tasks.finish(connection, claim.held, TaskState.DONE, {})
                if is_held:
                    connection.execute("insert into pool_effects values (%s, %s)", (claim.held.task_id, 1))
                before_commit()
            return is_held

        # It crashes before the end is committed.
        with pytest.raises(DatabaseError):
            finish(lambda: server.stop(signal.SIGQUIT))
        with pytest.raises(DatabaseError):
            finish()
        server.start()
        assert bench.expire() == [], "its lease holds over a restart"
        assert finish()
        # And stops in order after it.
        server.stop()
        server.start()
        assert not finish()
        assert counted(bench, f"select count(*) {EFFECTS_OF}") == 1
        assert counted(bench, OPEN) == 0
