"""Levels of proof in the database: a green below what was required is refused, and rows of before have none."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from janitor.stores import migrate as migrations
from janitor.stores.migrate import available_migrations, migrate
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.rows import CONFIG, insert_run

FINISH = (
    "update janitor.repository_validations set status = %(status)s, required_proof = %(required)s,"
    " proof_level = %(proved)s, note_count = %(notes)s, commit_sha = 'a', finished_at = now()"
    " where validation_id = %(id)s"
)


def finish(
    url: str,
    *,
    status: str = "success",
    required: str | None = None,
    proved: str | None = None,
    notes: int | None = 0,
    config: str = CONFIG,
) -> None:
    """End a validation so."""
    _, [first, *_] = insert_run(url, config=config)
    with psycopg.connect(url) as connection:
        connection.execute(
            FINISH, {"status": status, "required": required, "proved": proved, "notes": notes, "id": first}
        )
        # As whoever ends a validation does: what is known of a repository has a row.
        connection.execute(
            "insert into janitor.repository_standings (deployment, organization, repository_name)"
            " select r.deployment, v.organization, v.repository_name from janitor.repository_validations v"
            " join janitor.validation_runs r using (run_id) where v.validation_id = %s on conflict do nothing",
            (first,),
        )


@pytest.mark.parametrize(
    ("required", "proved"),
    [(None, None), (None, "environment"), ("environment", "environment"), ("environment", "image"), ("image", "image")],
)
def test_a_success_that_proves_enough_is_one(database: TestDatabase, required: str | None, proved: str | None) -> None:
    finish(database.writer_url, required=required, proved=proved)


@pytest.mark.parametrize(("required", "proved"), [("image", "environment"), ("image", None), ("environment", None)])
def test_a_success_below_what_was_required_is_refused(
    database: TestDatabase, required: str, proved: str | None
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="repository_validations_proved"):
        finish(database.writer_url, required=required, proved=proved)
    finish(database.writer_url, status="incomplete", required=required, proved=proved)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"required": "whole", "status": "error"}, "repository_validations_required_proof"),
        ({"proved": "whole"}, "repository_validations_proof_level"),
        ({"notes": -1}, "repository_validations_note_count"),
    ],
)
def test_only_levels_and_counts_are_kept(
    database: TestDatabase, changes: dict[str, str | int], constraint: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=f'"{constraint}"'):
        finish(database.writer_url, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        ("report_differences", "change, outcome, since_at, since_run_id", "'new', 'failed', now(), gen_random_uuid()"),
        (
            "check_differences",
            "check_name, change, since_at, since_run_id, since_validation_id",
            "'build', 'new', now(), gen_random_uuid(), gen_random_uuid()",
        ),
    ],
)
@pytest.mark.parametrize("level", ["proof_level", "previous_proof_level"])
def test_differences_are_between_levels(
    database: TestDatabase, table: str, columns: str, values: str, level: str
) -> None:
    _, [first, _] = insert_run(database.writer_url)
    insert = f"insert into janitor.{table} (validation_id, {columns}, {level}) values (%s, {values}, %s)".encode()
    with psycopg.connect(database.writer_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(insert, (first, "whole"))
    with psycopg.connect(database.writer_url) as connection:
        connection.execute(insert, (first, "image"))


@pytest.mark.parametrize(
    ("life", "flaky_rate"),
    [
        ([("success", "image"), ("failed", "image"), ("success", "image")], 1),
        ([("failed", "image"), ("success", "environment"), ("failed", "image"), ("success", "environment")], None),
        ([("success", "image"), ("failed", "environment"), ("failed", "environment")], 0),
        ([("success", None), ("failed", "image")], 1),
    ],
)
def test_a_turn_between_two_levels_is_no_sign_of_a_flaky_repository(
    database: TestDatabase, life: list[tuple[str, str | None]], flaky_rate: int | None
) -> None:
    name = f"flaky-{uuid4().hex[:8]}"
    config = f"repositories: [{{name: {name}, organization: acme, prompt: p}}]"
    for status, proved in life:
        finish(database.writer_url, status=status, proved=proved, config=config)
    with psycopg.connect(database.reader_url) as reader:
        row = reader.execute(
            "select flaky_rate, last_proof_level from janitor.repository_health where repository_name = %s", (name,)
        ).fetchone()
    assert row == (flaky_rate, life[-1][1])


ROWS_OF_BEFORE = """
set search_path = janitor;
insert into validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,
    total_repositories, max_concurrent_instances)
  values ('{run}', 'old', 'a', 'manual', 'c', 's', 1, 1);
insert into repository_validations (validation_id, run_id, repository_index, repository_name, organization, url,
    custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan, status, commit_sha, finished_at)
  values ('{one}', '{run}', 0, 'w', 'acme', 'u', 'p', true, 30, 2, '{{}}', 'success', 'a', now());
"""


def test_rows_of_before_have_no_level_and_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = available_migrations()
    (number,) = [index for index, one in enumerate(everything) if one.name.endswith("_proof_levels.sql")]
    ids = {name: uuid4() for name in ("run", "one")}
    with running_postgres(tmp_path) as database:
        monkeypatch.setattr(migrations, "available_migrations", lambda: everything[:number])
        migrate(database.owner_url)
        with psycopg.connect(database.owner_url) as owner:
            owner.execute(ROWS_OF_BEFORE.format(**ids).encode())
        monkeypatch.undo()
        assert migrate(database.owner_url) == [migration.name for migration in everything[number:]]
        with psycopg.connect(database.reader_url) as reader:
            rows = reader.execute(
                "select status::text, gpu_required, required_proof, proof_level, note_count"
                " from janitor.validation_overview"
            ).fetchall()
        assert rows == [("success", True, None, None, None)]
