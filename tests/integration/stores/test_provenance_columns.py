"""What a report is about stands in columns, whoever writes the report, and those of before get theirs too."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row

from janitor.protocol.report import Report
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.migrate import available_migrations
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.rows import insert_run

GOLDEN = Path(__file__).parents[2] / "unit" / "protocol" / "report_v2.golden.json"
OPTIONS = "-c search_path=janitor,pg_catalog -c timezone=UTC"


def test_the_columns_are_what_the_report_says(database: TestDatabase) -> None:
    _, [validation_id, _] = insert_run(database.writer_url)
    report = Report.from_json(GOLDEN.read_bytes())
    with transaction(database.writer_url) as writer:
        store.insert_report(writer, validation_id, report, ledger_id=None, storage_key="k", sha256="s")
    with transaction(database.reader_url) as reader:
        row = reader.execute(
            "select * from validation_provenance where validation_id = %s", (validation_id,)
        ).fetchone()
        images = reader.execute(
            "select reference, stage, digest from validation_base_images where validation_id = %s order by position",
            (validation_id,),
        ).fetchall()
    assert row is not None
    provenance, host = report.provenance, report.host
    assert provenance is not None
    assert provenance.commit is not None
    assert provenance.packages is not None
    assert provenance.machine is not None
    assert host is not None
    assert provenance.base_images
    assert provenance.packages.versions
    assert row == {
        "validation_id": validation_id,
        "commit_author": provenance.commit.author,
        "commit_subject": provenance.commit.subject,
        "committed_at": provenance.commit.committed_at,
        "python_version": provenance.packages.python,
        "packages": dict(provenance.packages.versions),
        "gpu_names": list(host.gpu_names),
        "driver_version": host.driver_version,
        "cuda_version": host.cuda_version,
        "instance_type": provenance.machine.instance_type,
        "machine_image_id": provenance.machine.image_id,
    }
    assert images == [
        {"reference": image.reference, "stage": image.stage, "digest": image.digest} for image in provenance.base_images
    ]


def test_a_report_without_it_has_an_empty_row_and_a_later_one_replaces_it(database: TestDatabase) -> None:
    _, [validation_id, _] = insert_run(database.writer_url)
    whole = json.loads(GOLDEN.read_bytes())
    with psycopg.connect(database.owner_url, row_factory=dict_row, options=OPTIONS) as owner:
        owner.execute(
            "insert into validation_reports (validation_id, format, storage_key, sha256, partial, report)"
            " values (%s, 'f', 'k', 's', true, '{\"provenance\": null, \"host\": \"unknown\"}')",
            (validation_id,),
        )
        empty = owner.execute(
            "select commit_author, packages, gpu_names from validation_provenance where validation_id = %s",
            (validation_id,),
        ).fetchone()
        owner.execute(
            "update validation_reports set report = %s::jsonb where validation_id = %s",
            (json.dumps(whole), validation_id),
        )
        filled = owner.execute(
            "select commit_author, (select count(*) from validation_base_images b"
            " where b.validation_id = p.validation_id) as images from validation_provenance p"
            " where validation_id = %s",
            (validation_id,),
        ).fetchone()
    assert empty == {"commit_author": None, "packages": None, "gpu_names": []}
    assert filled == {
        "commit_author": whole["provenance"]["commit"]["author"],
        "images": len(whole["provenance"]["base_images"]),
    }


ROWS_OF_BEFORE = """
set search_path = janitor;
insert into validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,
    total_repositories, max_concurrent_instances)
  values ('{run}', 'old', 'a', 'manual', 'c', 's', 1, 1);
insert into repository_validations (validation_id, run_id, repository_index, repository_name, organization, url,
    custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan, status, commit_sha, finished_at)
  values ('{one}', '{run}', 0, 'w', 'acme', 'u', 'p', true, 30, 2, '{{}}', 'success', 'a', now());
"""


def test_rows_of_before_get_their_columns_and_their_standing(tmp_path: Path) -> None:
    everything = available_migrations()
    position = next(number for number, each in enumerate(everything) if each.name.startswith("0014"))
    run, one = uuid4(), uuid4()
    with running_postgres(tmp_path) as database:
        before = everything[:position]
        with psycopg.connect(database.owner_url) as owner:
            for migration in before:
                owner.execute(migration.sql.encode())
            owner.execute(ROWS_OF_BEFORE.format(run=run, one=one).encode())
            owner.execute(
                b"insert into janitor.validation_reports (validation_id, format, storage_key, sha256, partial, report)"
                b" values (%s, 'f', 'k', 's', false, %s::jsonb)",
                (one, GOLDEN.read_text()),
            )
            owner.execute(everything[position].sql.encode())
        with psycopg.connect(database.reader_url, row_factory=dict_row, options=OPTIONS) as reader:
            row = reader.execute("select commit_author, committed_at from validation_provenance").fetchone()
            health = reader.execute("select deployment, validations, successes from repository_health").fetchone()
    commit = json.loads(GOLDEN.read_bytes())["provenance"]["commit"]
    assert row is not None
    assert row["commit_author"] == commit["author"]
    assert row["committed_at"] == datetime.fromisoformat(commit["committed_at"].replace("Z", "+00:00"))
    assert row["committed_at"].tzinfo is not None
    assert row["committed_at"] < datetime.now(timezone.utc)
    assert health == {"deployment": "old", "validations": 1, "successes": 1}
