"""Rows as the services see them: frozen, typed, free of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from janitor.domain.states import InstanceState, RunStatus, TerminationReason, ValidationStatus
from janitor.domain.watching import WatchOutcome


@dataclass(frozen=True, kw_only=True)
class ValidationRecord:
    """One repository within a run."""

    validation_id: UUID
    run_id: UUID
    deployment: str
    repository_index: int
    repository_name: str
    organization: str
    url: str
    ref: str | None
    prompt: str
    gpu_required: bool
    timeout: timedelta
    grace: timedelta
    plan: Mapping[str, Any]
    max_concurrent_instances: int
    run_status: RunStatus
    status: ValidationStatus
    status_reason_code: str | None
    status_summary: str | None
    command_id: str | None
    watch_outcome: WatchOutcome | None
    command_status: str | None
    command_exit_code: int | None
    launched_at: datetime | None
    deadline_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ValidationRecord:
        """Make a record of a row of the query `validation`."""
        return cls(
            validation_id=row["validation_id"],
            run_id=row["run_id"],
            deployment=row["deployment"],
            repository_index=row["repository_index"],
            repository_name=row["repository_name"],
            organization=row["organization"],
            url=row["url"],
            ref=row["ref"],
            prompt=row["custom_prompt"],
            gpu_required=row["gpu_required"],
            timeout=timedelta(minutes=float(row["timeout_minutes"])),
            grace=timedelta(minutes=float(row["grace_minutes"])),
            plan=row["plan"],
            max_concurrent_instances=row["max_concurrent_instances"],
            run_status=RunStatus(row["run_status"]),
            status=ValidationStatus(row["status"]),
            status_reason_code=row["status_reason_code"],
            status_summary=row["status_summary"],
            command_id=row["command_id"],
            watch_outcome=WatchOutcome(row["watch_outcome"]) if row["watch_outcome"] else None,
            command_status=row["command_status"],
            command_exit_code=row["command_exit_code"],
            launched_at=row["launched_at"],
            deadline_at=row["deadline_at"],
        )


@dataclass(frozen=True, kw_only=True)
class InstanceRecord:
    """One row of the launch ledger."""

    ledger_id: int
    validation_id: UUID
    run_id: UUID
    deployment: str
    generation: int
    client_token: str
    tags: Mapping[str, str]
    instance_id: str | None
    instance_type: str
    market: str
    state: InstanceState
    termination_reason: TerminationReason | None
    intent_at: datetime
    deadline_at: datetime
    launched_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> InstanceRecord:
        """Make a record of a row of `instances`."""
        return cls(
            ledger_id=row["ledger_id"],
            validation_id=row["validation_id"],
            run_id=row["run_id"],
            deployment=row["deployment"],
            generation=row["generation"],
            client_token=row["client_token"],
            tags=row["tags"],
            instance_id=row["instance_id"],
            instance_type=row["instance_type"],
            market=row["market"],
            state=InstanceState(row["state"]),
            termination_reason=TerminationReason(row["termination_reason"]) if row["termination_reason"] else None,
            intent_at=row["intent_at"],
            deadline_at=row["deadline_at"],
            launched_at=row["launched_at"],
        )
