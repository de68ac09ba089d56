"""Owners in the ledger: what the database refuses whoever writes, and what rows of before belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from janitor.stores import migrate as migrations
from janitor.stores.migrate import available_migrations, migrate
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.rows import insert_run


def insert(url: str, **columns: object) -> dict[str, Any]:
    """Write a row of the ledger; without any word on its owner unless it is given."""
    known = {
        "deployment": "test",
        "generation": 1,
        "client_token": uuid4().hex,
        "tags": "{}",
        "instance_type": "g5.xlarge",
        "market": "spot",
        "deadline_at": "2026-01-01 12:00+00",
        "expires_at": "2026-01-01 12:02+00",
        **columns,
    }
    names, places = ", ".join(known), ", ".join(f"%({name})s" for name in known)
    with psycopg.connect(url, row_factory=dict_row) as connection:
        row = connection.execute(
            f"insert into janitor.instances ({names}) values ({places}) returning *".encode(), known
        ).fetchone()
    assert row is not None
    return row


def of_validation(validation_id: UUID, run_id: UUID, **columns: object) -> dict[str, object]:
    return {
        "owner_kind": "validation",
        "owner_id": validation_id,
        "validation_id": validation_id,
        "run_id": run_id,
        **columns,
    }


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({}, "instances_owner_or_adopted"),
        ({"owner_kind": "worker"}, "instances_owner_whole"),
        ({"owner_id": "other", "origin": "adopted"}, "instances_owner_whole"),
        # What an owner has a table of is named in its column as well, and nothing else is.
        ({"owner_kind": "validation", "owner_id": "validation", "run_id": "run"}, "instances_owner_referenced"),
        ({"owner_kind": "worker", "owner_id": "other", "validation_id": "validation"}, "instances_owner_referenced"),
        ({"owner_kind": "worker", "owner_id": "other", "run_id": "run"}, "instances_owner_referenced"),
        ({"origin": "adopted", "validation_id": "validation"}, "instances_owner_referenced"),
        (
            {"owner_kind": "validation", "owner_id": "other", "validation_id": "validation", "run_id": "run"},
            "instances_owner_referenced",
        ),
        ({"owner_kind": "run", "owner_id": "other", "run_id": "run"}, "instances_owner_referenced"),
        # A validation is one of a run.
        (
            {"owner_kind": "validation", "owner_id": "validation", "validation_id": "validation"},
            "instances_owner_or_adopted",
        ),
        ({"owner_kind": "run", "owner_id": "run"}, "instances_owner"),
    ],
)
def test_an_owner_is_whole_and_named_once(database: TestDatabase, columns: dict[str, str], constraint: str) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    ids = {"run": run_id, "validation": first, "other": uuid4()}
    values: dict[str, object] = {name: ids[value] if name.endswith("_id") else value for name, value in columns.items()}
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        insert(database.writer_url, **values)


def test_an_owner_that_has_a_table_is_in_it(database: TestDatabase) -> None:
    run_id, _ = insert_run(database.writer_url)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(database.writer_url, **of_validation(uuid4(), run_id))


@pytest.mark.parametrize("kind", ["validation", "run", "worker"])
def test_an_owner_has_one_live_instance_and_one_row_for_each_generation(database: TestDatabase, kind: str) -> None:
    run_id, (first, _) = insert_run(database.writer_url)
    other_run, (other, _) = insert_run(database.writer_url)
    url = database.writer_url
    owners: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        "validation": (of_validation(first, run_id), of_validation(other, other_run)),
        "run": (
            {"owner_kind": "run", "owner_id": run_id, "run_id": run_id},
            {"owner_kind": "run", "owner_id": other_run, "run_id": other_run},
        ),
        "worker": ({"owner_kind": "worker", "owner_id": uuid4()}, {"owner_kind": "worker", "owner_id": uuid4()}),
    }
    one, another = owners[kind]
    row = insert(url, **one)
    insert(url, **another)
    with pytest.raises(psycopg.errors.UniqueViolation, match="instances_one_live"):
        insert(url, **one, generation=2)
    with psycopg.connect(url) as connection:
        connection.execute(
            "update janitor.instances set state = 'not_launched', ended_at = now(),"
            " termination_reason = 'launch_failed' where ledger_id = %s",
            (row["ledger_id"],),
        )
    with pytest.raises(psycopg.errors.UniqueViolation, match="instances_once_per_generation"):
        insert(url, **one)
    insert(url, **one, generation=2)


def test_what_nobody_owns_is_adopted_as_often_as_it_is_found(database: TestDatabase) -> None:
    for _ in range(2):
        insert(database.writer_url, origin="adopted", state="running", instance_id=f"i-{uuid4().hex[:17]}")


def test_one_id_of_two_kinds_is_two_owners(database: TestDatabase) -> None:
    run_id, _ = insert_run(database.writer_url)
    insert(database.writer_url, owner_kind="run", owner_id=run_id, run_id=run_id)
    insert(database.writer_url, owner_kind="worker", owner_id=run_id)


def test_money_is_set_aside_once_for_an_owner(database: TestDatabase) -> None:
    reserve = (
        "insert into janitor.budget_reservations (deployment, kind, owner_kind, owner_id, validation_id, day,"
        " reserved_usd) values ('test', %s, %s, %s, %s, now(), 1)"
    )
    worker, other = uuid4(), uuid4()
    with psycopg.connect(database.writer_url, autocommit=True) as connection:
        connection.execute(reserve, ("launch", "worker", worker, None))
        with pytest.raises(psycopg.errors.UniqueViolation, match="budget_reservations_once"):
            connection.execute(reserve, ("launch", "worker", worker, None))
        for values, constraint in (
            (("launch", None, None, None), "budget_reservations_subject"),
            (("lease", "worker", other, None), "budget_reservations_subject"),
            (("launch", "worker", None, None), "budget_reservations_owner_whole"),
            (("launch", "validation", other, None), "budget_reservations_owner_referenced"),
            (("launch", "worker", other, other), "budget_reservations_owner_referenced"),
        ):
            with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
                connection.execute(reserve, values)


def test_an_attempt_is_somebodys(database: TestDatabase) -> None:
    row = insert(database.writer_url, owner_kind="worker", owner_id=uuid4())
    attempt = (
        "insert into janitor.placement_attempts (ledger_id, owner_kind, owner_id, round, position, instance_type,"
        " market) values (%s, %s, %s, 1, 0, 'g5.xlarge', 'spot')"
    )
    with psycopg.connect(database.writer_url, autocommit=True) as connection:
        for kind, owner in (("worker", None), (None, uuid4())):
            with pytest.raises(psycopg.errors.NotNullViolation):
                connection.execute(attempt, (row["ledger_id"], kind, owner))
        connection.execute(attempt, (row["ledger_id"], "worker", row["owner_id"]))


def test_the_reader_sees_whose_an_instance_is_and_changes_nothing(database: TestDatabase) -> None:
    row = insert(database.writer_url, owner_kind="worker", owner_id=uuid4())
    with psycopg.connect(database.reader_url, row_factory=dict_row) as connection:
        seen = connection.execute(
            "select owner_kind, owner_id from janitor.live_instances where ledger_id = %s", (row["ledger_id"],)
        ).fetchone()
        assert seen == {"owner_kind": "worker", "owner_id": row["owner_id"]}
        for table in ("instances", "placement_attempts", "budget_reservations"):
            connection.execute(f"select owner_kind, owner_id from janitor.{table}".encode())
    with psycopg.connect(database.reader_url) as connection:
        connection.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update janitor.instances set owner_id = null")


ROWS_OF_BEFORE = """
set search_path = janitor;
insert into validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,
    total_repositories, max_concurrent_instances)
  values ('{run}', 'old', 'a', 'manual', 'c', 's', 2, 1);
insert into repository_validations (validation_id, run_id, repository_index, repository_name, organization, url,
    custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan)
  select id, '{run}', number, 'w' || number, 'acme', 'u', 'p', false, 30, 2, '{{}}'
  from unnest(array['{one}', '{two}']::uuid[]) with ordinality as t (id, number);
-- The first validation's instance was lost and replaced, the second's is an intent; two are adopted, one of them of a
-- run's: its validation had gone on without it when EC2 showed it alive.
insert into instances (validation_id, run_id, deployment, generation, client_token, tags, instance_id, instance_type,
    market, state, origin, termination_reason, deadline_at, expires_at, launched_at, ended_at)
  values ('{one}', '{run}', 'old', 1, 'a', '{{}}', 'i-1', 't', 'spot', 'terminated', 'launched', 'instance_lost',
          now(), now(), now(), now()),
         ('{one}', '{run}', 'old', 2, 'b', '{{}}', 'i-2', 't', 'spot', 'running', 'launched', null, now(), now(),
          now(), null),
         ('{two}', '{run}', 'old', 1, 'c', '{{}}', null, 't', 'spot', 'intent', 'launched', null, now(), now(), null,
          null),
         (null, null, 'old', 1, 'd', '{{}}', 'i-3', 't', 'spot', 'running', 'adopted', null, now(), now(), now(), null),
         (null, '{run}', 'old', 1, 'e', '{{}}', 'i-4', 't', 'spot', 'running', 'adopted', null, now(), now(), now(),
          null);
insert into placement_attempts (ledger_id, validation_id, round, position, instance_type, market, result, ended_at)
  select ledger_id, validation_id, 1, 0, 't', 'spot',
         case when instance_id is null then 'pending' else 'launched' end::placement_result,
         case when instance_id is not null then now() end
  from instances where validation_id is not null;
insert into placement_attempts (ledger_id, validation_id, round, position, instance_type, market, result, ended_at)
  select ledger_id, '{one}', 1, 0, 't', 'spot', 'launched', now() from instances where instance_id = 'i-4';
insert into budget_reservations (deployment, kind, run_id, validation_id, day, reserved_usd)
  select 'old', 'validation', run_id, validation_id, now(), 1 from repository_validations;
insert into budget_reservations (deployment, kind, run_id, validation_id, ledger_id, day, reserved_usd)
  select 'old', 'lease', run_id, validation_id, ledger_id, now(), 1 from instances where instance_id in ('i-2', 'i-3');
"""


def test_rows_of_before_belong_to_their_validations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = available_migrations()
    (number,) = [index for index, one in enumerate(everything) if one.name == "0010_owners.sql"]
    ids = {name: uuid4() for name in ("run", "one", "two")}
    with running_postgres(tmp_path) as database:
        monkeypatch.setattr(migrations, "available_migrations", lambda: everything[:number])
        migrate(database.owner_url)
        with psycopg.connect(database.owner_url) as owner:
            owner.execute(ROWS_OF_BEFORE.format(**ids).encode())
        monkeypatch.undo()
        assert migrate(database.owner_url) == [migration.name for migration in everything[number:]]

        def rows(columns: str, table: str) -> list[tuple[object, ...]]:
            with psycopg.connect(database.reader_url) as reader:
                return reader.execute(f"select {columns} from janitor.{table}".encode()).fetchall()

        one, two = ("validation", ids["one"]), ("validation", ids["two"])
        assert rows("owner_kind, owner_id, validation_id, run_id", "instances order by ledger_id") == [
            (*one, ids["one"], ids["run"]),
            (*one, ids["one"], ids["run"]),
            (*two, ids["two"], ids["run"]),
            (None, None, None, None),
            (None, None, None, ids["run"]),
        ]
        assert rows("owner_kind, owner_id", "placement_attempts order by ledger_id") == [one, one, two, one]
        assert rows("kind, owner_kind, owner_id", "budget_reservations order by reservation_id") == [
            ("launch", *one),
            ("launch", *two),
            ("lease", *one),
            ("lease", None, None),
        ]
        # Views show what they showed.
        assert rows("instance_id, validation_id, repository_name", "live_instances order by ledger_id") == [
            ("i-2", ids["one"], "w1"),
            (None, ids["two"], "w2"),
            ("i-3", None, None),
            ("i-4", None, None),
        ]
        # What held before holds now.
        with pytest.raises(psycopg.errors.UniqueViolation, match="instances_one_live"):
            insert(database.writer_url, **of_validation(ids["one"], ids["run"], generation=3))
        with pytest.raises(psycopg.errors.UniqueViolation, match="instances_once_per_generation"):
            insert(
                database.writer_url,
                **of_validation(
                    ids["one"],
                    ids["run"],
                    generation=1,
                    state="not_launched",
                    ended_at="2026-01-01",
                    termination_reason="launch_failed",
                ),
            )
