"""A fleet's history, before and after costs know pools: nothing of before changes, and every question stays bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from bench.fleet import DEPLOYMENT, Fleet, write_fleet
from janitor.stores import costs as store
from janitor.stores import migrate as migrations
from janitor.stores.database import transaction
from janitor.stores.migrate import available_migrations, migrate
from janitor.stores.queries import named_queries
from tests.support.postgres import TestDatabase, running_postgres

FLEET = Fleet(repositories=60, runs=120)
KEPT = 6000
VIEWS = {
    "instance_bills": "ledger_id",
    "instance_seconds": "ledger_id",
    "instance_costs": "ledger_id",
    "waste": "ledger_id",
    "validation_overview": "validation_id",
    "run_summary": "run_id",
    "cost_by_day_and_repository": "day, organization, repository_name",
}
SHARED = """
with shared as (
  insert into instances (owner_kind, owner_id, run_id, deployment, generation, client_token, tags, instance_id,
      instance_type, market, state, termination_reason, launched_at, ended_at, deadline_at, expires_at, price_usd_hour,
      volume_gib, volume_usd_gib_month, command_started_at, command_ended_at)
  select 'run', run_id, run_id, deployment, 1, gen_random_uuid(), '{}', 'i-' || left(run_id::text, 17), 'g5.xlarge',
         'spot', 'terminated', 'finished', started_at, completed_at, completed_at, completed_at, 1.006, 100, 0.08,
         started_at + interval '1 minute', completed_at - interval '1 minute'
  from validation_runs order by started_at limit 1
  returning ledger_id, run_id
)
insert into turns (validation_id, ledger_id, began_at, ended_at)
select validation_id, ledger_id, launched_at + make_interval(secs => repository_index * 30),
       launched_at + make_interval(secs => repository_index * 30 + 25)
from shared join repository_validations using (run_id);
"""
"""An instance that a run has for itself, on which all of its validations had turns."""
POOLED = """
with worker as (
  insert into workers (worker_id, deployment, pool, provider, state, requested_at, ready_at)
  select gen_random_uuid(), %(deployment)s, 'gpu', 'ec2', 'spawning', at, at + interval '2 minutes'
  from generate_series(now() - interval '118 days', now() - interval '1 day', interval '3.9 hours') at
  returning worker_id, deployment, requested_at
), machine as (
  insert into instances (owner_kind, owner_id, deployment, generation, client_token, tags, instance_id, instance_type,
      market, state, termination_reason, launched_at, ended_at, deadline_at, expires_at, price_usd_hour, volume_gib,
      volume_usd_gib_month)
  select 'worker', worker_id, deployment, 1, gen_random_uuid(), '{}', 'i-' || left(worker_id::text, 17), 'g5.xlarge',
         'spot', 'terminated', 'finished', requested_at, requested_at + interval '3 hours',
         requested_at + interval '4 hours', requested_at + interval '4 hours', 1.006, 100, 0.08
  from worker
  returning ledger_id, launched_at
), numbered as (
  select ledger_id, launched_at, row_number() over (order by ledger_id) - 1 as number from machine
)
insert into turns (validation_id, ledger_id, began_at, ended_at, number)
select v.validation_id, m.ledger_id, m.launched_at + make_interval(mins => 2 + v.place),
       m.launched_at + make_interval(mins => 3 + v.place), 1
from (select validation_id, ((row_number() over (order by validation_id) - 1) / 10)::integer as machine,
             ((row_number() over (order by validation_id) - 1) %% 10)::integer as place
      from repository_validations) v
join numbered m on m.number = v.machine;
"""
"""A machine each four hours, with ten turns: of the fleet's validations, as many as there are."""
Rows = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A database that has been migrated with a fleet in it."""

    database: TestDatabase
    before: Rows
    after: Rows


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    """What the views say of a fleet, most of its costs kept; then a pool is added."""
    everything = available_migrations()
    (of_pools,) = (number for number, each in enumerate(everything) if "_pooled_costs" in each.name)
    with running_postgres(tmp_path_factory.mktemp("postgres")) as database:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(migrations, "available_migrations", lambda: everything[:of_pools])
            migrate(database.owner_url)
        write_fleet(database.owner_url, FLEET)
        execute(database, SHARED)
        with transaction(database.writer_url) as connection:
            assert store.keep_costs(connection, DEPLOYMENT, count=KEPT) == KEPT
        before = told(database)
        assert migrate(database.owner_url) == [each.name for each in everything[of_pools:]]
        after = told(database)
        execute(database, POOLED, deployment=DEPLOYMENT)
        with transaction(database.writer_url) as connection:
            store.keep_costs(connection, DEPLOYMENT, count=10_000)
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield Grown(database=database, before=before, after=after)


def execute(database: TestDatabase, statement: str, **values: object) -> None:
    with psycopg.connect(database.owner_url, options="-c search_path=janitor,pg_catalog") as connection:
        connection.execute(statement.encode(), values or None)


def told(database: TestDatabase) -> Rows:
    """All that the views of costs say, in an order of its own."""
    with psycopg.connect(
        database.reader_url, row_factory=dict_row, options="-c search_path=janitor,pg_catalog"
    ) as connection:
        return {
            view: connection.execute(f"select * from {view} order by {key}".encode()).fetchall()
            for view, key in VIEWS.items()
        }


def test_nothing_of_before_costs_anything_else(grown: Grown) -> None:
    """A column more has nothing to say of them."""
    assert len(grown.before["instance_bills"]) == FLEET.repositories * FLEET.runs + 1
    for view, rows in grown.before.items():
        assert rows
        after = [{name: row[name] for name in rows[0]} for row in grown.after[view]]
        assert after == rows, view
        more = grown.after[view][0].keys() - rows[0].keys()
        assert all(row[name] is None for row in grown.after[view] for name in more), view


QUESTIONS = {
    "costs_of_validations": "named",
    "costs_of_runs": "named",
    "cost_parts_of_runs": "named",
    "usual_seconds": "named",
    "spent_on_causes": "named",
    "shares of a validation": "select * from pool_shares where validation_id = any(%(validation_ids)s)",
    "a run with costs": "select * from validation_overview where run_id = %(run_id)s",
    "a run's summary": "select * from run_summary where run_id = %(run_id)s",
    "what a day's machines cost": "select * from bills where deployment = %(deployment)s and launched_at > %(day)s",
    "what a machine's time went into": "select * from waste where ledger_id = %(ledger_id)s",
}


READ = ("repository_validations", "instances", "turns", "validation_reports", "checks", "instance_cost_facts")
MOST_READ = 2500
"""Rows of those, for sixty validations and their machines' turns; each table has three times as many, or more."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_some_reads_only_theirs(grown: Grown, question: str) -> None:
    """By index, as on tables so large that reading all of one is no option: whatever else there is."""
    statement = QUESTIONS[question]
    if statement == "named":
        statement = getattr(named_queries(), question).sql
    with transaction(grown.database.reader_url) as connection:
        values = asked_about(connection)
        answer = connection.execute(statement.encode(), values).fetchall()
        connection.execute("set local enable_seqscan = off")
        (row,) = connection.execute(f"explain (analyze, format json) {statement}".encode(), values).fetchall()
    assert answer
    plan = row["QUERY PLAN"][0]["Plan"]
    read = rows_read(plan)
    assert read.keys() & {"repository_validations", "turns", "instances"}
    assert sum(read.values()) < MOST_READ, read


def rows_read(node: Mapping[str, Any]) -> Counter[str]:
    """By table, how many rows were looked at, again and again."""
    read: Counter[str] = Counter()
    if node.get("Relation Name") in READ:
        looked_at = (
            node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
        )
        read[node["Relation Name"]] += round(looked_at * node["Actual Loops"])
    for each in node.get("Plans", ()):
        read += rows_read(each)
    return read


def asked_about(connection: Any) -> dict[str, Any]:
    """A run, three of its validations with turns, and the machine of one of them."""
    run_id: UUID = connection.execute(
        "select v.run_id from pool_shares s join repository_validations v using (validation_id) limit 1"
    ).fetchone()["run_id"]
    found = connection.execute(
        "select validation_id, ledger_id from pool_shares where run_id = %s limit 3", (run_id,)
    ).fetchall()
    now = datetime.now(timezone.utc)
    return {
        "run_id": run_id,
        "run_ids": [run_id],
        "validation_ids": [row["validation_id"] for row in found],
        "ledger_id": found[0]["ledger_id"],
        "deployment": DEPLOYMENT,
        "organizations": ["acme", "acme"],
        "names": ["worker-0001", "worker-0002"],
        "count": 10,
        "day": now - timedelta(days=2),
        "signatures": [f"{1:016x}", None],
        "since": [now - timedelta(days=20)] * 2,
        "until": now,
    }


def test_all_of_a_fleet_is_paid(grown: Grown) -> None:
    """By day and by repository too, within what rounding to four places makes of as many rows."""
    since = datetime.now(timezone.utc) - timedelta(days=200)
    with transaction(grown.database.reader_url) as connection:
        total = connection.execute("select sum(total_usd) as usd from instance_bills").fetchone()
        paid = connection.execute("select sum(total_usd) as usd from bills").fetchone()
        days = connection.execute("select cost_usd from cost_by_day_and_repository").fetchall()
        by_repository = list(
            named_queries().cost_by_repository(connection, deployment=DEPLOYMENT, since=since, most=1000)
        )
    assert total is not None
    assert paid == total
    assert sum(row["total_usd"] for row in by_repository) == total["usd"]
    assert abs(sum(row["cost_usd"] for row in days) - total["usd"]) <= len(days) * 0.00005
    assert {row["pool"] for row in by_repository} == {"", "gpu"}, "some machines served nothing"
