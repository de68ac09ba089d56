"""Rows as the services see them: frozen, typed, free of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from janitor.domain.launch.owner import Owner
from janitor.domain.place import Place
from janitor.domain.states import (
    InstanceOrigin,
    InstanceState,
    OwnerKind,
    RunPurpose,
    RunStatus,
    TerminationReason,
    ValidationStatus,
)
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.terms.proven import ProofLevel


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
    required_proof: ProofLevel | None
    """How far a success must be proved; None: nothing was required, as before it could be."""
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
    purpose: RunPurpose = RunPurpose.FLEET
    """Of its run."""

    @property
    def repository(self) -> str:
        """`organization/name`."""
        return f"{self.organization}/{self.repository_name}"

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
            required_proof=ProofLevel(row["required_proof"]) if row["required_proof"] else None,
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
            purpose=RunPurpose(row["purpose"]),
        )


def owner_of_row(row: Mapping[str, Any]) -> Owner | None:
    """The owner that a row names; None where it names none."""
    return Owner(kind=OwnerKind(row["owner_kind"]), id=row["owner_id"]) if row["owner_kind"] else None


@dataclass(frozen=True, kw_only=True)
class InstanceRecord:
    """One row of the launch ledger."""

    ledger_id: int
    origin: InstanceOrigin
    owner: Owner | None
    """None for an adopted instance."""
    run_id: UUID | None
    """The run that it counts for; None for an adopted instance, and where it serves no run alone."""
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
    expires_at: datetime
    keep_until: datetime | None
    """End of the last debug lease, if there was one; it may be over."""
    launched_at: datetime | None
    command_started_at: datetime | None
    """When it was sent its command."""
    first_sign_at: datetime | None
    """When it was first seen that its command has started; None: not yet, or nobody looked."""
    ended_at: datetime | None
    given_up_at: datetime | None
    """When its owner turned to another instance."""
    subnet_id: str | None
    launch_parameters: Mapping[str, Any]
    """The provider's parameters of the launch; empty for rows of before they were kept."""
    place: Place | None
    """Where the instance is; None for rows of before that was kept, until somebody has seen it."""
    missing_since: datetime | None
    """When it was first not shown though it should live; None: it was shown since."""

    @property
    def name(self) -> str:
        """What messages call it: EC2's id, or the beginning of its token."""
        return self.instance_id or f"intent {self.client_token[:12]}"

    @property
    def may_live_until(self) -> datetime:
        """The expiry, put off by a debug lease."""
        return max(self.expires_at, self.keep_until or self.expires_at)

    def is_kept(self, now: datetime) -> bool:
        """Whether a debug lease holds it now."""
        return self.keep_until is not None and now < self.keep_until

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> InstanceRecord:
        """Make a record of a row of `instances`."""
        return cls(
            ledger_id=row["ledger_id"],
            origin=InstanceOrigin(row["origin"]),
            owner=owner_of_row(row),
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
            expires_at=row["expires_at"],
            keep_until=row["keep_until"],
            launched_at=row["launched_at"],
            command_started_at=row["command_started_at"],
            first_sign_at=row["first_sign_at"],
            ended_at=row["ended_at"],
            given_up_at=row["given_up_at"],
            subnet_id=row["subnet_id"],
            launch_parameters=row["launch_parameters"],
            place=Place.parse(row["place"]) if row["place"] else None,
            missing_since=row["missing_since"],
        )
