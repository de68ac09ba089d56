"""Migrations: once, twice, at once, from nothing; roles that may do what they are for and no more."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Any

import psycopg
import pytest

from janitor.domain import states
from janitor.domain.errors import DatabaseError
from janitor.domain.evidence.acknowledgement import AcknowledgedUntil
from janitor.domain.pool import pool
from janitor.domain.pool import states as pool_states
from janitor.domain.repair import states as repair_states
from janitor.domain.result import report_diff
from janitor.domain.watch.watching import WatchOutcome
from janitor.domain.workspace import lease
from janitor.protocol.terms.statuses import CheckStatus
from janitor.stores.migrate import available_migrations, migrate
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.rows import insert_run

ENUMERATIONS: dict[str, type[Enum]] = {
    "run_status": states.RunStatus,
    "validation_status": states.ValidationStatus,
    "instance_state": states.InstanceState,
    "termination_reason": states.TerminationReason,
    "watch_outcome": WatchOutcome,
    "reaper_action": states.ReaperAction,
    "check_status": CheckStatus,
    "owner_kind": states.OwnerKind,
    "instance_origin": states.InstanceOrigin,
    "placement_result": states.PlacementResult,
    "reservation_kind": states.ReservationKind,
    "reap_evidence": states.ReapEvidence,
    "notice_kind": states.NoticeKind,
    "report_change": report_diff.Change,
    "report_outcome": report_diff.Outcome,
    "acknowledged_until": AcknowledgedUntil,
    "lease_kind": lease.LeaseKind,
    "lease_state": lease.LeaseState,
    "shard_state": repair_states.ShardStatus,
    "repair_state": repair_states.RepairState,
    "pool_provider": pool.Provider,
    "worker_state": pool_states.WorkerState,
    "worker_end": pool_states.WorkerEnd,
    "task_kind": pool_states.TaskKind,
    "task_state": pool_states.TaskState,
}
MACHINES: dict[str, Mapping[Any, frozenset[Any]]] = {
    "run": states.RUN_TRANSITIONS,
    "validation": states.VALIDATION_TRANSITIONS,
    "instance": states.INSTANCE_TRANSITIONS,
    "lease": lease.LEASE_TRANSITIONS,
    "shard": repair_states.SHARD_TRANSITIONS,
    "repair": repair_states.REPAIR_TRANSITIONS,
    "worker": pool_states.WORKER_TRANSITIONS,
    "task": pool_states.TASK_TRANSITIONS,
}


def test_a_second_migration_changes_nothing(database: TestDatabase) -> None:
    assert migrate(database.owner_url) == []


def test_migrating_at_once_applies_each_migration_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("postgres")
    with running_postgres(folder) as fresh, ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate(fresh.owner_url), range(4)))
        assert sorted(name for names in applied for name in names) == [
            migration.name for migration in available_migrations()
        ]

        # An edited migration is refused rather than ignored.
        with psycopg.connect(fresh.owner_url) as connection:
            connection.execute("update janitor.schema_migrations set sha256 = 'x' where name like '0001%'")
        with pytest.raises(DatabaseError, match="was changed after it was applied"):
            migrate(fresh.owner_url)


@pytest.mark.parametrize(("name", "enumeration"), ENUMERATIONS.items())
def test_enumerations_match_the_code(database: TestDatabase, name: str, enumeration: type[Enum]) -> None:
    with psycopg.connect(database.reader_url) as connection:
        rows = connection.execute(f"select unnest(enum_range(null::janitor.{name}))::text").fetchall()
    assert {row[0] for row in rows} == {member.value for member in enumeration}


@pytest.mark.parametrize("machine", MACHINES)
def test_transition_rules_match_the_code(database: TestDatabase, machine: str) -> None:
    with psycopg.connect(database.writer_url) as connection:
        rows = connection.execute(
            "select from_state, to_state from janitor.allowed_transitions where machine = %s", (machine,)
        ).fetchall()
    assert set(rows) == {
        (before.value, after.value) for before, allowed in MACHINES[machine].items() for after in allowed
    }


def test_the_reader_reads_and_cannot_write(database: TestDatabase) -> None:
    with psycopg.connect(database.reader_url) as connection:
        connection.execute("select * from janitor.validation_overview")
        connection.execute("select * from janitor.repository_health")
        connection.execute("select * from janitor.live_instances")
        connection.execute("select * from janitor.failure_clusters")
        connection.execute("select * from janitor.validation_phases")
    with psycopg.connect(database.reader_url) as connection:
        connection.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from janitor.validation_runs")


def test_the_writer_cannot_change_the_ledger_s_history(database: TestDatabase) -> None:
    for statement in (
        "delete from janitor.instances",
        "update janitor.instance_state_changes set to_state = 'terminated'",
        "delete from janitor.instance_state_changes",
        "insert into janitor.allowed_transitions values ('run', 'success', 'running')",
        "drop table janitor.checks",
        "delete from janitor.failure_signatures",
        "update janitor.report_differences set change = 'fixed'",
        "delete from janitor.workspace_leases",
        "update janitor.workspace_leases set fence = 1",
        "delete from janitor.shard_status",
        "update janitor.shard_status set repository = 'acme/other'",
        "update janitor.repairs set patch = 'another'",
        "delete from janitor.workers",
        "delete from janitor.tasks",
        "update janitor.tasks set trust_domain = 'any'",
        "update janitor.workers set pool = 'another'",
        "update janitor.task_claims set worker_id = null",
        "delete from janitor.task_claims",
        "update janitor.pool_decisions set why = 'another'",
    ):
        with psycopg.connect(database.writer_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_the_reader_sees_no_proof_key_though_it_is_granted_every_table(database: TestDatabase) -> None:
    _, [first, _] = insert_run(database.writer_url)
    with psycopg.connect(database.writer_url) as connection:
        ledger_id = connection.execute(
            "insert into janitor.instances (owner_kind, owner_id, validation_id, run_id, deployment, generation,"
            " client_token, tags, instance_type, market, deadline_at, expires_at) select 'validation', validation_id,"
            " validation_id, run_id, 'test', 1, %s, '{}', 't3',"
            " 'spot', now(), now() from janitor.repository_validations where validation_id = %s returning ledger_id",
            (str(first), first),
        ).fetchone()
        assert ledger_id is not None
        connection.execute(
            "insert into janitor.report_terms (ledger_id, proof_key, engine) values (%s, %s, 'venv')",
            (ledger_id[0], bytes(32)),
        )
    with psycopg.connect(database.reader_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from janitor.report_terms")
    with psycopg.connect(database.owner_url) as connection:
        # What a later migration may do for all that is new.
        connection.execute("grant select on all tables in schema janitor to janitor_read")
    with psycopg.connect(database.reader_url) as connection:
        assert connection.execute("select * from janitor.report_terms").fetchall() == []
    with psycopg.connect(database.writer_url) as connection:
        assert connection.execute("select count(*) from janitor.report_terms").fetchone() == (1,)
