"""Whatever happens to tasks and workers in whatever order: one holder, growing fences, no strangers on one worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from janitor.domain.pool.states import WORKER_TRANSITIONS, TaskState, WorkerEnd, WorkerState
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import Claim, Held
from tests.support.pool import LEASE, Bench, bench_in, writing
from tests.support.postgres import TestDatabase

TRUST = st.sampled_from(["organization:a", "organization:b", None])
MOST_ATTEMPTS = 3


@dataclass
class ModelTask:
    """What a task should be."""

    trust: str | None
    state: TaskState = TaskState.QUEUED
    held: Held | None = None
    attempts: int = 0
    in_time: bool = True


@dataclass
class ModelWorker:
    """What a worker should be."""

    state: WorkerState = WorkerState.READY
    trust: str | None = None
    is_single_use: bool = False

    def takes(self, trust: str | None) -> bool:
        """Whether a task of this trust domain may come to it."""
        is_fresh = self.trust is None and not self.is_single_use
        return self.state is WorkerState.READY and (is_fresh or (trust is not None and self.trust == trust))


class Pool(RuleBasedStateMachine):
    """A pool beside its model."""

    database: TestDatabase

    def __init__(self) -> None:
        super().__init__()
        self.bench: Bench = bench_in(self.database.writer_url, self.database.owner_url)
        self.stack = ExitStack()
        self.connection = self.stack.enter_context(writing(self.bench.url))
        self.owner = self.stack.enter_context(
            psycopg.connect(self.bench.owner_url, autocommit=True, options="-c search_path=janitor")
        )
        self.tasks: dict[UUID, ModelTask] = {}
        self.workers: dict[UUID, ModelWorker] = {}
        self.claims: list[Claim] = []
        self.begun: set[tuple[UUID, UUID]] = set()

    def teardown(self) -> None:
        self.stack.close()

    @initialize(trusts=st.lists(TRUST, min_size=2, max_size=5))
    def queue(self, trusts: list[str | None]) -> None:
        self.bench.many_tasks(len(trusts))
        rows = self.owner.execute(
            "select task_id from tasks where deployment = %s", (self.bench.deployment,)
        ).fetchall()
        for (task_id,), trust in zip(rows, trusts, strict=True):
            self.owner.execute("update tasks set trust_domain = %s where task_id = %s", (trust, task_id))
            self.tasks[task_id] = ModelTask(trust)

    @precondition(lambda self: len(self.workers) < 6)
    @rule()
    def spawn(self) -> None:
        with self.connection.transaction():
            self.workers[self.bench.worker_in(self.connection)] = ModelWorker()

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        worker_id = data.draw(st.sampled_from(list(self.workers)))
        worker = self.workers[worker_id]
        possible = {
            task_id
            for task_id, task in self.tasks.items()
            if task.state is TaskState.QUEUED and worker.takes(task.trust) and (task_id, worker_id) not in self.begun
        }
        with self.connection.transaction():
            claim = tasks.claim(self.connection, worker_id, lease=LEASE)
        if claim is None:
            assert not possible
            return
        assert claim.held.task_id in possible
        assert all(claim.held.fence > earlier.held.fence for earlier in self.claims)
        task = self.tasks[claim.held.task_id]
        task.state, task.held, task.in_time = TaskState.CLAIMED, claim.held, True
        task.attempts += 1
        worker.state, worker.is_single_use = WorkerState.BUSY, task.trust is None
        worker.trust = task.trust
        self.claims.append(claim)

    def _act(self, data: st.DataObject, act: Callable[[Held], bool]) -> tuple[ModelTask, Held] | None:
        """Something that only a holder in time may do, tried by any claim that there ever was."""
        held = data.draw(st.sampled_from(self.claims)).held
        task = self.tasks[held.task_id]
        is_held = task.held == held and task.in_time
        with self.connection.transaction():
            assert act(held) is is_held
        return (task, held) if is_held else None

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        done = self._act(data, lambda held: tasks.begin(self.connection, held))
        if done is not None:
            done[0].state = TaskState.RUNNING
            self.begun.add((done[1].task_id, done[1].worker_id))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        self._act(data, lambda held: tasks.renew(self.connection, held, LEASE))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), state=st.sampled_from([TaskState.DONE, TaskState.FAILED, TaskState.EXPIRED]))
    def finish(self, data: st.DataObject, state: TaskState) -> None:
        done = self._act(data, lambda held: tasks.finish(self.connection, held, state, {}, reason_code="said so"))
        if done is not None:
            done[0].state, done[0].held = state, None

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), is_blamed=st.booleans())
    def give_back(self, data: st.DataObject, is_blamed: bool) -> None:
        done = self._act(data, lambda held: tasks.give_back(self.connection, held, is_blamed=is_blamed))
        if done is not None:
            self._lost(done[0], is_blamed=is_blamed)

    def _lost(self, task: ModelTask, *, is_blamed: bool) -> None:
        task.held = None
        if not is_blamed:
            task.attempts -= 1
        task.state = TaskState.FAILED if is_blamed and task.attempts >= MOST_ATTEMPTS else TaskState.QUEUED
        self.owner.execute("update tasks set not_before = null where deployment = %s", (self.bench.deployment,))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def let_a_lease_pass(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.claims)).held
        self.owner.execute("update tasks set lease_until = now() - interval '1 s' where fence = %s", (held.fence,))
        if self.tasks[held.task_id].held == held:
            self.tasks[held.task_id].in_time = False

    @rule()
    def expire(self) -> None:
        over = {task_id for task_id, task in self.tasks.items() if task.held is not None and not task.in_time}
        with self.connection.transaction():
            ended = tasks.expire_leases(self.connection, self.bench.deployment)
        assert {each.held.task_id for each in ended} == over
        for each in ended:
            self.workers[each.held.worker_id].state = WorkerState.LOST
            self._lost(self.tasks[each.held.task_id], is_blamed=True)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        task_id = data.draw(st.sampled_from(list(self.tasks)))
        task = self.tasks[task_id]
        with self.connection.transaction():
            ended = tasks.cancel(self.connection, task_id)
        if task.state.is_final:
            assert ended is None
            return
        assert ended is not None
        assert ended.held == task.held
        task.state, task.held = TaskState.CANCELLED, None

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), only_idle=st.booleans())
    def drain(self, data: st.DataObject, only_idle: bool) -> None:
        worker_id = data.draw(st.sampled_from(list(self.workers)))
        worker = self.workers[worker_id]
        with self.connection.transaction():
            drained = workers.drain(
                self.connection, worker_id, WorkerEnd.IDLE, why="idle", within=timedelta(minutes=1), only_idle=only_idle
            )
        may = {WorkerState.READY} if only_idle else {WorkerState.READY, WorkerState.BUSY}
        assert (drained is not None) is (worker.state in may)
        if drained is not None:
            has = [
                task.held for task in self.tasks.values() if task.held is not None and task.held.worker_id == worker_id
            ]
            assert [drained.held] == (has or [None])
            worker.state = WorkerState.DRAINING

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), to=st.sampled_from([each for each in WorkerState if each is not WorkerState.DRAINING]))
    def move(self, data: st.DataObject, to: WorkerState) -> None:
        worker_id = data.draw(st.sampled_from(list(self.workers)))
        worker = self.workers[worker_id]
        if any(task.held is not None and task.held.worker_id == worker_id for task in self.tasks.values()):
            return  # Whoever moves a worker has seen to its task.
        with self.connection.transaction():
            moved = workers.move(self.connection, worker_id, to, end=WorkerEnd.OPERATOR)
        assert moved is (to in WORKER_TRANSITIONS[worker.state])
        if moved:
            worker.state = to

    @invariant()
    def it_is_as_it_should_be(self) -> None:
        rows = self.connection.execute("select * from tasks where deployment = %s", (self.bench.deployment,)).fetchall()
        assert {
            row["task_id"]: (row["state"], row["fence"], row["worker_id"], row["attempts"], row["ended_at"] is not None)
            for row in rows
        } == {
            task_id: (
                task.state.value,
                task.held.fence if task.held else None,
                task.held.worker_id if task.held else None,
                task.attempts,
                task.state.is_final,
            )
            for task_id, task in self.tasks.items()
        }
        seen = self.connection.execute(
            "select * from workers where deployment = %s", (self.bench.deployment,)
        ).fetchall()
        assert {row["worker_id"]: (row["state"], row["trust_domain"], row["is_single_use"]) for row in seen} == {
            worker_id: (worker.state.value, worker.trust, worker.is_single_use)
            for worker_id, worker in self.workers.items()
        }
        shared = self.connection.execute(
            "select c.worker_id from task_claims c join tasks t using (task_id) where t.deployment = %s"
            " group by 1 having count(distinct t.trust_domain) > 1"
            " or count(distinct t.task_id) > 1 and bool_or(t.trust_domain is null)",
            (self.bench.deployment,),
        ).fetchall()
        assert shared == [], "strangers shared a worker"


def test_tasks_and_workers_are_what_their_history_makes_them(database: TestDatabase) -> None:
    machine = type("PoolOfThisDatabase", (Pool,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
