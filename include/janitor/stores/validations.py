"""Reading and writing `validation_runs`, `repository_validations` and their reports, inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from janitor.domain.errors import DatabaseError
from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import RunKind, RunPurpose, RunStatus, ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.report import REPORT_FORMAT, Report
from janitor.protocol.terms.proven import ProofLevel
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries
from janitor.stores.records import ValidationRecord


class UnstorableError(DatabaseError):
    """The database refuses the values themselves: writing them again will not help."""


@contextmanager
def refused_if_unstorable() -> Iterator[None]:
    """Around statements that write what an instance has handed in.

    Raises:
        UnstorableError: A value doesn't fit its column or breaks an invariant; the transaction is lost.
    """
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as exc:
        raise UnstorableError(f"Postgres refuses what it says: {str(exc).splitlines()[0]}") from exc


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """What is known of a run when it is planned."""

    run_id: UUID
    deployment: str
    airflow_run_id: str
    trigger: str
    config_file_path: str
    config_sha256: str
    total_repositories: int
    timeout: timedelta
    max_concurrent_instances: int
    kind: RunKind = RunKind.PARALLEL
    total_timeout: timedelta | None = None
    """How long all of a sequential run may take; None for a parallel one."""
    expected_errors: Sequence[str] = ()
    """Patterns of the ERROR lines that its log may have."""
    news_routes: Mapping[str, Any] | None = None
    """Who is told of its news; see `janitor.domain.news.routes`."""
    badges: bool = False
    """Whether its repositories have a badge."""
    purpose: RunPurpose = RunPurpose.FLEET


@dataclass(frozen=True, kw_only=True)
class NewValidation:
    """What is known of a validation when its run is planned."""

    validation_id: UUID
    repository_index: int
    repository_name: str
    organization: str
    url: str
    ref: str | None
    prompt: str
    gpu_required: bool
    required_proof: ProofLevel | None
    timeout: timedelta
    grace: timedelta
    plan: Mapping[str, Any]


def insert_plan(connection: Connection, run: NewRun, validations: Sequence[NewValidation]) -> None:
    """Write a run and all its validations; what is there already stays as it is."""
    queries = named_queries()
    queries.insert_run(
        connection,
        run_id=run.run_id,
        deployment=run.deployment,
        airflow_run_id=run.airflow_run_id,
        trigger=run.trigger,
        config_file_path=run.config_file_path,
        config_sha256=run.config_sha256,
        total_repositories=run.total_repositories,
        timeout_minutes=run.timeout.total_seconds() / 60,
        max_concurrent_instances=run.max_concurrent_instances,
        kind=run.kind.value,
        total_timeout_minutes=run.total_timeout.total_seconds() / 60 if run.total_timeout is not None else None,
        expected_errors=list(run.expected_errors),
        news_routes=None if run.news_routes is None else Jsonb(dict(run.news_routes)),
        badges=run.badges,
        purpose=run.purpose.value,
    )
    for validation in validations:
        queries.insert_validation(
            connection,
            validation_id=validation.validation_id,
            run_id=run.run_id,
            repository_index=validation.repository_index,
            repository_name=validation.repository_name,
            organization=validation.organization,
            url=validation.url,
            ref=validation.ref,
            custom_prompt=validation.prompt,
            gpu_required=validation.gpu_required,
            required_proof=validation.required_proof.value if validation.required_proof else None,
            timeout_minutes=validation.timeout.total_seconds() / 60,
            grace_minutes=validation.grace.total_seconds() / 60,
            plan=Jsonb(dict(validation.plan)),
        )


def planned_config_sha256(connection: Connection, run_id: UUID) -> str | None:
    """The hash of the config that a run was planned from, or None when it isn't planned."""
    row = named_queries().planned_run(connection, run_id=run_id)
    return row["config_sha256"] if row else None


@dataclass(frozen=True, kw_only=True)
class PlannedRepository:
    """One repository of a run, as it was planned, and how it stands."""

    plan: Mapping[str, Any]
    grace: timedelta
    status: ValidationStatus


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run as it was planned."""

    config_file_path: str
    config_sha256: str
    timeout: timedelta
    max_concurrent_instances: int
    max_run_cost_usd: Decimal | None
    daily_budget_usd: Decimal | None
    kind: RunKind
    repositories: Sequence[PlannedRepository]
    """In the order of the configuration."""
    news_routes: Mapping[str, Any] | None = None
    badges: bool = False
    purpose: RunPurpose = RunPurpose.FLEET


def planned_run(connection: Connection, run_id: UUID) -> PlannedRun:
    """Read a run as it was planned.

    Raises:
        DatabaseError: There is none of this id.
    """
    run = one(named_queries().run_as_planned(connection, run_id=run_id), what=f"run {run_id}")
    rows = named_queries().repositories_as_planned(connection, run_id=run_id)
    return PlannedRun(
        config_file_path=run["config_file_path"],
        config_sha256=run["config_sha256"],
        timeout=timedelta(minutes=float(run["timeout_minutes"])),
        max_concurrent_instances=run["max_concurrent_instances"],
        max_run_cost_usd=run["max_run_cost_usd"],
        daily_budget_usd=run["daily_budget_usd"],
        kind=RunKind(run["kind"]),
        news_routes=run["news_routes"],
        badges=run["badges"],
        purpose=RunPurpose(run["purpose"]),
        repositories=tuple(
            PlannedRepository(
                plan=row["plan"],
                grace=timedelta(minutes=float(row["grace_minutes"])),
                status=ValidationStatus(row["status"]),
            )
            for row in rows
        ),
    )


def get_validation(connection: Connection, validation_id: UUID) -> ValidationRecord:
    """Read one validation.

    Raises:
        DatabaseError: There is none of this id.
    """
    row = named_queries().validation(connection, validation_id=validation_id)
    return ValidationRecord.from_row(one(row, what=f"validation {validation_id}"))


def mark_launching(connection: Connection, validation_id: UUID) -> None:
    """Queued, or running on an instance that is gone → launching."""
    named_queries().mark_launching(connection, validation_id=validation_id)


def keep_deadline(connection: Connection, validation_id: UUID, deadline_at: datetime) -> datetime:
    """Set the hard limit at the first launch and return the one in force."""
    row = named_queries().set_deadline(connection, validation_id=validation_id, deadline_at=deadline_at)
    deadline: datetime = row["deadline_at"]
    return deadline


def mark_launched(connection: Connection, validation_id: UUID, instance_id: str) -> None:
    """Keep which instance works for the validation."""
    named_queries().mark_launched(connection, validation_id=validation_id, instance_id=instance_id)


def mark_running(connection: Connection, validation_id: UUID, command_id: str, log_stream: str) -> None:
    """Keep which SSM command works for the validation."""
    named_queries().mark_running(connection, validation_id=validation_id, command_id=command_id, log_stream=log_stream)


def keep_watch_outcome(
    connection: Connection,
    validation_id: UUID,
    ledger_id: int,
    outcome: WatchOutcome,
    *,
    command_status: str | None = None,
    exit_code: int | None = None,
) -> None:
    """Keep how watching an instance ended, for `record` to conclude from; nothing where it has a successor."""
    named_queries().keep_watch_outcome(
        connection,
        validation_id=validation_id,
        ledger_id=ledger_id,
        watch_outcome=outcome.value,
        command_status=command_status,
        command_exit_code=exit_code,
    )


def clear_watch_outcome(connection: Connection, validation_id: UUID) -> None:
    """Forget what an earlier generation did."""
    named_queries().clear_watch_outcome(connection, validation_id=validation_id)


def keep_launch_failure(connection: Connection, validation_id: UUID, reason_code: str, summary: str) -> None:
    """Keep why no instance could be launched, for `record` to conclude from."""
    named_queries().keep_launch_failure(
        connection, validation_id=validation_id, reason_code=reason_code, summary=summary
    )


def finish_validation(connection: Connection, validation_id: UUID, conclusion: Conclusion) -> bool:
    """Write the final state; a validation that is final already stays as it is.

    Returns:
        Whether this call was the one that finished it.
    """
    report = conclusion.report
    changed = named_queries().finish_validation(
        connection,
        validation_id=validation_id,
        status=conclusion.status.value,
        status_reason_code=conclusion.reason_code,
        status_summary=conclusion.summary,
        failing_check=conclusion.failing_check,
        timeout_enforced=conclusion.timeout_enforced,
        commit_sha=report.repository.commit_sha if report else None,
        engine=report.engine.value if report and report.engine else None,
        build_succeeded=report.build_succeeded if report else None,
        container_succeeded=report.container_succeeded if report else None,
        gpu_available=report.gpu_available if report else None,
        cuda_detected=report.cuda_detected if report else None,
        proof_level=conclusion.proof_level.value if conclusion.proof_level else None,
        note_count=conclusion.note_count,
    )
    return bool(changed)


def kept_conclusion(connection: Connection, validation_id: UUID) -> Conclusion | None:
    """How a validation ended as it was written, without its report; None as long as it isn't final."""
    row = named_queries().validation(connection, validation_id=validation_id)
    if row is None or row["finished_at"] is None:
        return None
    return Conclusion(
        status=ValidationStatus(row["status"]),
        reason_code=row["status_reason_code"],
        summary=row["status_summary"],
        failing_check=row["failing_check"],
        timeout_enforced=row["timeout_enforced"],
        report=None,
        proof_level=ProofLevel(row["proof_level"]) if row["proof_level"] else None,
        note_count=row["note_count"],
    )


def insert_report(
    connection: Connection,
    validation_id: UUID,
    report: Report,
    *,
    ledger_id: int | None,
    storage_key: str,
    sha256: str,
) -> None:
    """Keep a report and its checks, and which instance it is of."""
    queries = named_queries()
    queries.insert_report(
        connection,
        validation_id=validation_id,
        ledger_id=ledger_id,
        format=REPORT_FORMAT,
        storage_key=storage_key,
        sha256=sha256,
        partial=report.partial,
        report=Jsonb(report.to_dict()),
    )
    for position, check in enumerate(report.checks):
        queries.insert_check(
            connection,
            validation_id=validation_id,
            position=position,
            name=check.name,
            status=check.status.value,
            required=check.required,
            reason_code=check.reason_code,
            reason=check.reason,
            started_at=check.started_at,
            duration_seconds=check.duration_seconds,
            exit_code=check.exit_code,
        )


def unfinished_validations(connection: Connection, run_id: UUID) -> list[tuple[UUID, str]]:
    """Ids and repository names of a run's validations without a final state."""
    rows = named_queries().unfinished_validations(connection, run_id=run_id)
    return [(row["validation_id"], row["repository_name"]) for row in rows]


def finish_run(connection: Connection, run_id: UUID, status: RunStatus, reason: str | None) -> None:
    """Give a running run its final state; a final one stays as it is."""
    named_queries().finish_run(connection, run_id=run_id, status=status.value, status_reason=reason)


_MOST_LEFT = 1_000
"""More instances than one run leaves: a bound for the loop, nothing else."""


def note_ended_since(connection: Connection, deployment: str) -> int:
    """Say of what runs' verdicts found left that it has ended since; words that stay true are left alone.

    Returns:
        How many instances were noted.
    """
    noted = 0
    while noted < _MOST_LEFT and (changed := named_queries().note_ended_since(connection, deployment=deployment)):
        noted += changed
    return noted
