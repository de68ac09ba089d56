"""A shard: one repository with one cause, within one maintenance run; and the repair that came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from janitor.domain.repair.proposal import ProposedBy
from janitor.domain.repair.states import RepairState, ShardStatus

SIGNATURE_CHARACTERS = 8
"""Of a signature, in what people read."""


def shard_id_for(run_id: str, repository: str, signature: str) -> str:
    """What a shard is called: `run/organization/name/signature`."""
    return f"{run_id}/{repository}/{signature[:SIGNATURE_CHARACTERS]}"


@dataclass(frozen=True, kw_only=True)
class PlannedShard:
    """A shard before anybody works on it."""

    shard_id: str
    run_id: str
    """Of the maintenance run."""
    repository: str
    """`organization/name`."""
    validation_id: UUID
    """The red one."""
    signature: str
    canary_of: str | None
    """The shard that goes first; None: this one waits for none."""


@dataclass(frozen=True, kw_only=True)
class Shard(PlannedShard):
    """A shard as the database has it."""

    status: ShardStatus
    airflow_run_id: str | None
    """None: a process of `janitor maintain` does the work."""
    attempt: int
    worker_id: str | None
    lease_id: UUID | None
    fence: int | None
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    error_message: str | None
    outcome: str | None
    cost_usd: Decimal | None
    artefact_prefix: str | None

    def took(self, now: datetime) -> timedelta | None:
        """How long it goes on, or went on; None where it never began."""
        return None if self.started_at is None else (self.completed_at or now) - self.started_at


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair as the database has it."""

    repair_id: UUID
    shard_id: str
    repository: str
    """`organization/name`."""
    signature: str
    base_validation_id: UUID
    base_commit: str
    proposed_by: ProposedBy | None
    """None: nobody proposed anything."""
    name: str | None
    """Which recipe, or which model."""
    summary: str | None
    root_cause: str | None
    evidence: tuple[str, ...]
    patch: str | None
    patch_sha256: str | None
    files: int | None
    lines: int | None
    state: RepairState
    reason: str | None
    """Why it is blocked, abstained, disproven or inconclusive."""
    proof_validation_id: UUID | None
    control_validation_id: UUID | None
    published_as: str | None
    url: str | None
    proposal_usd: Decimal | None
    """Of proposing it; None: not known."""
    cost_usd: Decimal | None
    """Of that and of its experiments, as far as it is known."""
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
