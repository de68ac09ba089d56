"""A fleet's rows as many nights leave them, written at once: the input of what is measured about reading them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg

DEPLOYMENT = "bench"
_SIGNATURES = tuple(f"{number:016x}" for number in range(1, 40))
_BREAKS, _MENDED = 0.02, 0.25
"""How often, each night, a repository that works breaks, and one that is broken is mended."""
_ENDS = ("failed",) * 7 + ("error", "timed_out", "incomplete")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """How many rows there are."""

    repositories: int
    runs: int


class _Ids:
    """Ids that are the same each time."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def next(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)


def write_fleet(owner_url: str, fleet: Fleet, *, seed: int = 1) -> None:
    """Write runs, validations, differences, instances and reports' checks of a night each, then ANALYZE.

    Args:
        owner_url: An empty, migrated database, as its owner.
        fleet: How large.
        seed: Of what breaks when.
    """
    chance = random.Random(seed)  # noqa: S311  # nothing secret: the same rows each time
    ids, now = _Ids(chance), datetime.now(timezone.utc)
    runs = [(ids.next(), now - timedelta(days=fleet.runs - number)) for number in range(fleet.runs)]
    with psycopg.connect(owner_url, options="-c search_path=janitor,pg_catalog") as connection:
        _copy(
            connection,
            "validation_runs (run_id, deployment, airflow_run_id, trigger, config_file_path, config_sha256,"
            " total_repositories, max_concurrent_instances, status, started_at, completed_at)",
            (_run_row(run, at, fleet) for run, at in runs),
        )
        _copy(
            connection,
            "failure_signatures (signature, check_name, reason_code, line, title)",
            ((each, "build", "build_failed", "x", f"build failed: {each}") for each in _SIGNATURES),
        )
        for number in range(fleet.repositories):
            _write_repository(connection, number, runs, chance, ids)
        connection.execute(
            "insert into repository_standings (deployment, organization, repository_name)"
            " select distinct %s, organization, repository_name from repository_validations",
            (DEPLOYMENT,),
        )
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def _run_row(run: UUID, at: datetime, fleet: Fleet) -> tuple[object, ...]:
    return (
        *(run, DEPLOYMENT, f"scheduled__{at.isoformat()}", "schedule", "c.yaml", "x", fleet.repositories, 10),
        *("failed", at, at + timedelta(minutes=40)),
    )


def _write_repository(
    connection: psycopg.Connection[Any],
    number: int,
    runs: Sequence[tuple[UUID, datetime]],
    chance: random.Random,
    ids: _Ids,
) -> None:
    validations: list[tuple[object, ...]] = []
    differences: list[tuple[object, ...]] = []
    instances: list[tuple[object, ...]] = []
    checks: list[tuple[object, ...]] = []
    broken, since = False, runs[0]
    for run, at in runs:
        was, broken = broken, chance.random() > _MENDED if broken else chance.random() < _BREAKS
        since = (run, at) if was is not broken else since
        validation, end = ids.next(), at + timedelta(seconds=400)
        status = chance.choice(_ENDS) if broken else "success"
        change = "new" if broken and not was else "still_failing" if broken else "fixed" if was else "same"
        validations.append(
            (
                *(validation, run, number, f"worker-{number:04d}", "acme", "https://example.com/x", "p", True, 30, 2),
                *("{}", status, "ab" * 20, at, at + timedelta(seconds=5), at + timedelta(seconds=60), end),
                *((chance.choice(_SIGNATURES), "build") if broken else (None, None)),
            )
        )
        differences.append(
            (validation, change, "failed" if broken else "passed", since[1], since[0], chance.random() < 0.03)
        )
        instances.append(
            (
                *(validation, run, "validation", validation, DEPLOYMENT, 1, str(ids.next()), "{}"),
                *(f"i-{validation.hex[:17]}", "g5.xlarge", "spot", "terminated", "finished", at),
                *(at + timedelta(minutes=30), at + timedelta(seconds=5), at + timedelta(seconds=420)),
                *(at + timedelta(minutes=32), 1.006, 50, 0.08, at + timedelta(seconds=60), end),
            )
        )
        checks += [
            (validation, 0, "build", "fail" if broken else "pass", True, "x", at + timedelta(seconds=70), 200),
            (validation, 1, "handler_api", "pass", True, None, at + timedelta(seconds=280), 60),
        ]
    _copy(
        connection,
        "repository_validations (validation_id, run_id, repository_index, repository_name, organization, url,"
        " custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan, status, commit_sha, created_at,"
        " launched_at, running_at, finished_at, signature, failing_check)",
        validations,
    )
    _copy(connection, "report_differences (validation_id, change, outcome, since_at, since_run_id, flaky)", differences)
    _copy(
        connection,
        "instances (validation_id, run_id, owner_kind, owner_id, deployment, generation, client_token, tags,"
        " instance_id, instance_type, market, state, termination_reason, intent_at, deadline_at, launched_at, ended_at,"
        " expires_at, price_usd_hour, volume_gib, volume_usd_gib_month, command_started_at, command_ended_at)",
        instances,
    )
    connection.execute(
        "insert into validation_reports (validation_id, ledger_id, format, storage_key, sha256, partial, report)"
        " select validation_id, ledger_id, 'f', 'k', 's', false, '{}' from instances"
        " where validation_id = any(%s)",
        ([row[0] for row in validations],),
    )
    _copy(
        connection,
        "checks (validation_id, position, name, status, required, reason, started_at, duration_seconds)",
        checks,
    )


def _copy(connection: psycopg.Connection[Any], into: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy {into} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)
