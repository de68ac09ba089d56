"""The role of a worker on a host of our own: five functions, and nothing else of ours to read, write or call."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.roles.definition import RoleGroup
from tests.support.pool import Bench, bench_in, writing
from tests.support.postgres import TestDatabase

FUNCTIONS = {
    "pool_worker_beat",
    "pool_worker_claim",
    "pool_worker_renew",
    "pool_worker_progress",
    "pool_worker_finish",
}
OFFERS = Jsonb({"engine": "docker"})


@dataclass(frozen=True)
class Role:
    """A login of a worker, with what the other side sees."""

    url: str
    bench: Bench

    def call(self, function: str, *values: object) -> Any:
        """The one value that a function answers."""
        row = self.rows(function, *values)[0]
        return row[0]

    def rows(self, function: str, *values: object) -> list[Any]:
        """What a function answers."""
        with psycopg.connect(self.url) as connection:
            call = sql.SQL("select * from janitor_pool.{}({})").format(
                sql.Identifier(function), sql.SQL(", ").join(sql.Placeholder() * len(values))
            )
            return connection.execute(call, values).fetchall()

    def beat(self, worker_id: UUID, offers: Jsonb | None = None, *, is_leaving: bool = False) -> str:
        """What it is told."""
        told: str = self.call("pool_worker_beat", worker_id, self.bench.deployment, self.bench.pool, offers, is_leaving)
        return told

    def state_of(self, worker_id: UUID) -> WorkerState | None:
        """What the pool has of it."""
        with transaction(self.bench.url) as connection:
            found = workers.get(connection, worker_id)
        return found.state if found is not None else None


@pytest.fixture
def role(database: TestDatabase) -> Role:
    name, password = f"w_{uuid4().hex[:8]}", "workers-secret"
    url = make_conninfo(database.owner_url, user=name, password=password)
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login password {} in role {}").format(
                sql.Identifier(name), sql.Literal(password), sql.Identifier(RoleGroup.WORKERS.value)
            )
        )
    return Role(url, bench_in(database.writer_url, database.owner_url))


def test_it_may_call_five_functions_and_nothing_else_of_ours(role: Role, database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url) as connection:
        ours = "('janitor', 'janitor_pool')"
        callable_ = connection.execute(
            "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
            f" where n.nspname in {ours} and has_schema_privilege('janitor_worker', n.oid, 'usage')"
            " and has_function_privilege('janitor_worker', p.oid, 'execute')"
        ).fetchall()
        assert {row[0] for row in callable_} == FUNCTIONS
        assert len(callable_) == len(FUNCTIONS)
        seen = connection.execute(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"
            " and c.relkind in ('r', 'v', 'm', 'p')"
            " and (has_table_privilege('janitor_worker', c.oid, 'select, insert, update, delete, truncate, references')"
            "      or has_any_column_privilege('janitor_worker', c.oid, 'select, insert, update, references'))"
        ).fetchall()
        assert seen == []
        definers = connection.execute(
            "select p.proname, p.prosecdef, p.proconfig from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
            " where n.nspname = 'janitor_pool'"
        ).fetchall()
        assert {(name, definer, tuple(config or ())) for name, definer, config in definers} == {
            (name, True, ("search_path=janitor, pg_temp",)) for name in FUNCTIONS
        }
        for schema in ("janitor", "janitor_pool", "public"):
            row = connection.execute(
                "select has_schema_privilege('janitor_worker', %s, 'create')", (schema,)
            ).fetchone()
            assert row == (False,), schema


@pytest.mark.parametrize(
    "statement",
    [
        "select * from janitor.tasks",
        "select * from janitor.workers",
        "select * from janitor.pool_live",
        "select * from janitor.validation_runs",
        "select janitor.claim_task(gen_random_uuid(), '1 minute')",
        "select janitor.take_lease_turn('a', 'b', 'c')",
        "update janitor.tasks set priority = 9",
        "select nextval('janitor.task_fences')",
        "create table janitor_pool.x ()",
        "create function janitor_pool.x() returns int language sql as 'select 1'",
        "set role janitor_write",
    ],
)
def test_it_is_refused_everything_else(role: Role, statement: str) -> None:
    with psycopg.connect(role.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("group", [RoleGroup.WRITERS, RoleGroup.READERS])
def test_only_workers_may_call_them(database: TestDatabase, group: RoleGroup) -> None:
    url = {RoleGroup.WRITERS: database.writer_url, RoleGroup.READERS: database.reader_url}[group]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select janitor_pool.pool_worker_beat(gen_random_uuid(), 'd', 'p')")


def test_a_worker_registers_claims_works_finishes_and_leaves(role: Role) -> None:
    worker_id, bench = uuid4(), role.bench
    assert role.beat(worker_id) == "unknown", "nobody becomes a worker by a beat"
    assert role.beat(worker_id, OFFERS) == "ready"
    first, second = bench.task(priority=1, requires={"engine": "docker"}), bench.task()
    ((task_id, fence, kind, validation_id, spec, lease_until, deadline_at),) = role.rows("pool_worker_claim", worker_id)
    assert (task_id, kind, validation_id, spec) == (first.task_id, "validation", first.validation_id, {})
    assert lease_until < deadline_at
    assert role.rows("pool_worker_claim", worker_id) == []
    key = (worker_id, task_id, fence)
    assert role.call("pool_worker_progress", *key)
    assert role.call("pool_worker_renew", *key)
    assert role.beat(worker_id, is_leaving=True) == "busy", "it has a task"
    for wrong in ((uuid4(), task_id, fence), (worker_id, uuid4(), fence), (worker_id, task_id, fence + 1)):
        assert not role.call("pool_worker_progress", *wrong)
        assert not role.call("pool_worker_renew", *wrong)
        assert not role.call("pool_worker_finish", *wrong, "done", Jsonb({}), True)
    assert role.call("pool_worker_finish", *key, "done", Jsonb({"verdict": "success"}), True)
    assert not role.call("pool_worker_finish", *key, "done", Jsonb({}), True)
    with transaction(bench.url) as connection:
        done = tasks.get(connection, first.task_id)
    assert done is not None
    assert (done.state, done.result) == (TaskState.DONE, {"verdict": "success"})
    assert role.beat(worker_id) == "ready"
    assert role.rows("pool_worker_claim", worker_id)[0][0] == second.task_id
    assert role.call("pool_worker_finish", worker_id, second.task_id, fence + 1, "failed", None, True)
    assert role.beat(worker_id, is_leaving=True) == "terminated"
    # Its identity isn't used again.
    assert role.beat(worker_id, OFFERS) == "terminated"
    assert role.state_of(worker_id) is WorkerState.TERMINATED


def test_one_that_could_not_clean_up_gets_no_other_task(role: Role) -> None:
    worker_id = uuid4()
    role.beat(worker_id, OFFERS)
    role.bench.task()
    task_id, fence, *_ = role.rows("pool_worker_claim", worker_id)[0]
    assert role.call("pool_worker_finish", worker_id, task_id, fence, "done", Jsonb({}), False)
    assert role.beat(worker_id) == "quarantined"
    role.bench.task()
    assert role.rows("pool_worker_claim", worker_id) == []


def test_one_that_is_lost_is_told_and_changes_nothing(role: Role) -> None:
    worker_id, bench = uuid4(), role.bench
    role.beat(worker_id, OFFERS)
    task = bench.task()
    task_id, fence, *_ = role.rows("pool_worker_claim", worker_id, "1 hour")[0]
    bench.as_owner("update tasks set lease_until = now() where task_id = %s", task_id)
    assert [each.held.task_id for each in bench.expire()] == [task.task_id]
    assert role.beat(worker_id, OFFERS) == "lost"
    assert not role.call("pool_worker_renew", worker_id, task_id, fence)
    assert not role.call("pool_worker_finish", worker_id, task_id, fence, "done", Jsonb({}), True)


def test_renewing_and_losing_a_task_at_once_wait_for_each_other_once(role: Role) -> None:
    worker_id, bench = uuid4(), role.bench
    role.beat(worker_id, OFFERS)
    task = bench.task()
    task_id, fence, *_ = role.rows("pool_worker_claim", worker_id)[0]
    name = conninfo_to_dict(role.url)["user"]
    with ThreadPoolExecutor(1) as pool, writing(bench.url) as losing:
        with losing.transaction():
            losing.execute("select from tasks where task_id = %s for update", (task.task_id,))
            renewing = pool.submit(role.call, "pool_worker_renew", worker_id, task_id, fence)
            waits = (
                "select exists (select from pg_locks join pg_stat_activity using (pid)"
                " where not granted and usename = %s)"
            )
            give_up_at = time.monotonic() + 30
            with psycopg.connect(bench.owner_url, autocommit=True) as looking:
                while looking.execute(waits.encode(), (name,)).fetchone() != (True,):
                    assert time.monotonic() < give_up_at, "it never waited"
                    time.sleep(0.01)
            assert workers.move(losing, worker_id, WorkerState.LOST)
            assert tasks.cancel(losing, task.task_id) is not None
        assert renewing.result(30) is False
    assert role.beat(worker_id) == "lost"


def test_a_drained_one_is_told_and_may_leave(role: Role) -> None:
    worker_id = uuid4()
    role.beat(worker_id, OFFERS)
    with transaction(role.bench.url) as connection:
        workers.drain(connection, worker_id, WorkerEnd.RECYCLED, why="old", within=timedelta(minutes=1))
    assert role.beat(worker_id) == "draining"
    assert role.beat(worker_id, is_leaving=True) == "terminated"
    with transaction(role.bench.url) as connection:
        found = workers.get(connection, worker_id)
    assert found is not None
    assert found.end_reason is WorkerEnd.RECYCLED


def test_it_speaks_for_no_machine_of_a_provider(role: Role) -> None:
    other = role.bench.worker(provider=Provider.EC2)
    assert role.beat(other) == "unknown"
    assert role.beat(other, OFFERS) == "unknown"
    assert role.rows("pool_worker_claim", other) == []
    assert role.state_of(other) is WorkerState.READY


def test_it_ends_a_task_as_done_or_failed_alone(role: Role) -> None:
    worker_id = uuid4()
    role.beat(worker_id, OFFERS)
    role.bench.task()
    task_id, fence, *_ = role.rows("pool_worker_claim", worker_id)[0]
    for word in ("cancelled", "queued", None):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            role.call("pool_worker_finish", worker_id, task_id, fence, word, None, True)


def test_what_it_says_has_a_size(role: Role) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        role.beat(uuid4(), Jsonb({"a": "x" * 20_000}))
    worker_id = uuid4()
    role.beat(worker_id, OFFERS)
    role.bench.task()
    task_id, fence, *_ = role.rows("pool_worker_claim", worker_id)[0]
    with pytest.raises(psycopg.errors.CheckViolation):
        role.call("pool_worker_finish", worker_id, task_id, fence, "done", Jsonb({"a": "x" * 200_000}), True)
