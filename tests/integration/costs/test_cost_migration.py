"""The migrations of costs on a database with rows of before."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from janitor.stores import migrate as migrations
from janitor.stores.migrate import available_migrations, migrate
from tests.support.postgres import running_postgres

ROWS_OF_BEFORE = """
set search_path = janitor;
insert into validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,
                             total_repositories, max_concurrent_instances)
  values ('{run}', 'old', 'a', 'manual', 'c', 's', 2, 1);
insert into repository_validations (validation_id, run_id, repository_index, repository_name, organization, url,
    custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan, status, status_reason_code, launched_at,
    running_at, finished_at)
  select id, '{run}', number, 'w' || number, 'acme', 'u', 'p', false, 30, 2, '{{}}', 'failed', 'x',
         '2026-01-01 12:00+00', '2026-01-01 12:02+00', '2026-01-01 12:09+00'
  from unnest(array['{one}', '{two}']::uuid[]) with ordinality as t (id, number);
insert into instances (validation_id, run_id, deployment, generation, client_token, tags, instance_id, instance_type,
    market, state, termination_reason, deadline_at, launched_at, ended_at)
  select validation, '{run}', 'old', generation, gen_random_uuid(), '{{}}', 'i-' || gen_random_uuid(), 'g5.xlarge',
         'on_demand', 'terminated', 'finished', '2026-01-01 12:30+00', '2026-01-01 12:00+00', '2026-01-01 12:10+00'
  from (values ('{one}'::uuid, 1), ('{two}', 1), ('{two}', 2)) as t (validation, generation);
insert into validation_reports (validation_id, format, storage_key, sha256, partial, report)
  select id, 'f', 'k', 's', false, '{{}}' from unnest(array['{one}', '{two}']::uuid[]) id;
insert into checks (validation_id, position, name, status, required, started_at, duration_seconds)
  values ('{one}', 0, 'build', 'pass', true, '2026-01-01 12:03+00', 180);
"""


def test_rows_of_before_are_explained_as_far_as_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = available_migrations()
    with running_postgres(tmp_path) as database:
        monkeypatch.setattr(migrations, "available_migrations", lambda: everything[:2])
        migrate(database.owner_url)
        ids = {name: uuid4() for name in ("run", "one", "two")}
        with psycopg.connect(database.owner_url) as owner:
            owner.execute(ROWS_OF_BEFORE.format(**ids).encode())
        monkeypatch.undo()
        assert migrate(database.owner_url) == [migration.name for migration in everything[2:]]

        with psycopg.connect(
            database.reader_url, row_factory=dict_row, options="-c search_path=janitor,pg_catalog"
        ) as reader:
            rows = reader.execute(
                "select s.*, i.generation from instance_seconds s join instances i using (ledger_id) order by ledger_id"
            ).fetchall()
            overview = reader.execute("select cost_usd from validation_overview").fetchall()
            summary = reader.execute("select successful, finished, cost_usd from run_summary").fetchall()
    alone, lost, last = rows
    assert {name: int(alone[f"{name}_seconds"]) for name in ("total", "boot", "build", "idle", "after_finish")} == {
        "total": 600,
        "boot": 120,
        "build": 180,
        "idle": 240,
        "after_finish": 60,
    }
    # Of several instances it isn't known which command was whose; the report is the last one's.
    assert [row["unexplained_seconds"] for row in (lost, last)] == [600, 600]
    assert [row["has_report"] for row in (lost, last)] == [False, True]
    # Prices of before weren't kept.
    assert {row["cost_usd"] for row in overview} == {None}
    assert summary == [{"successful": 0, "finished": 2, "cost_usd": None}]
