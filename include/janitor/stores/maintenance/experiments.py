"""Experiments as they were asked for, and the validations that they repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from janitor.domain.experiment.experiment import ExperimentPurpose
from janitor.domain.states import RunPurpose, RunStatus, ValidationStatus
from janitor.protocol.order.patch import Patch
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class AskedExperiment:
    """An experiment, as its row has it."""

    experiment_id: UUID
    deployment: str
    purpose: ExperimentPurpose
    repeated_validation_id: UUID
    patch: Patch | None
    asked_by: str
    """A shard, or the key of a search."""
    airflow_run_id: str


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """A validation that has ended, with all that doing it again takes."""

    validation_id: UUID
    run_id: UUID
    purpose: RunPurpose
    plan: Mapping[str, Any]
    grace: timedelta
    status: ValidationStatus
    commit_sha: str | None
    signature: str | None
    instance_type: str | None
    """That it really ran on; None where nothing was launched."""
    report: Any
    """The decoded document; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class ExperimentRun:
    """How far the run of an experiment is."""

    run_status: RunStatus
    validation_id: UUID | None
    plan: Mapping[str, Any]
    has_ended: bool
    """Whether its validation has a final state."""
    report: Any
    """The decoded document; None where there is none."""


def keep(connection: Connection, asked: AskedExperiment) -> AskedExperiment | None:
    """Write an experiment, unless it is there.

    Returns:
        What stands under its id in the deployment; None where another deployment, or another run, has it.
    """
    patch = asked.patch
    named_queries().insert_experiment(
        connection,
        experiment_id=asked.experiment_id,
        deployment=asked.deployment,
        purpose=asked.purpose.value,
        repeated_validation_id=asked.repeated_validation_id,
        patch=None if patch is None else patch.text,
        patch_sha256=None if patch is None else patch.sha256,
        asked_by=asked.asked_by,
        airflow_run_id=asked.airflow_run_id,
    )
    return find(connection, asked.deployment, asked.experiment_id)


def find(connection: Connection, deployment: str, experiment_id: UUID) -> AskedExperiment | None:
    """An experiment of a deployment; None where it has none of this id."""
    row = named_queries().experiment(connection, deployment=deployment, experiment_id=experiment_id)
    if row is None:
        return None
    has_patch = row["patch"] is not None
    return AskedExperiment(
        experiment_id=row["experiment_id"],
        deployment=row["deployment"],
        purpose=ExperimentPurpose(row["purpose"]),
        repeated_validation_id=row["repeated_validation_id"],
        patch=Patch(text=row["patch"], sha256=row["patch_sha256"]) if has_patch else None,
        asked_by=row["asked_by"],
        airflow_run_id=row["airflow_run_id"],
    )


def run_of(connection: Connection, run_id: UUID) -> ExperimentRun | None:
    """How far an experiment's run is; None as long as it isn't planned."""
    row = named_queries().validation_of_experiment(connection, run_id=run_id)
    if row is None:
        return None
    return ExperimentRun(
        run_status=RunStatus(row["run_status"]),
        validation_id=row["validation_id"],
        plan=row["plan"] or {},
        has_ended=row["finished_at"] is not None,
        report=row["report"],
    )


def repeatable(connection: Connection, deployment: str, validation_id: UUID) -> Repeatable | None:
    """A validation of a deployment that has ended; None where it has none of this id, or one that goes on."""
    row = named_queries().repeatable_validation(connection, deployment=deployment, validation_id=validation_id)
    if row is None or row["finished_at"] is None:
        return None
    return Repeatable(
        validation_id=row["validation_id"],
        run_id=row["run_id"],
        purpose=RunPurpose(row["purpose"]),
        plan=row["plan"],
        grace=timedelta(minutes=float(row["grace_minutes"])),
        status=ValidationStatus(row["status"]),
        commit_sha=row["commit_sha"],
        signature=row["signature"],
        instance_type=row["instance_type"],
        report=row["report"],
    )


def validator_of_repeated(connection: Connection, run_id: UUID) -> str | None:
    """Digest of the validator whose report an experiment's run repeats; None for every other run, or where unknown."""
    sha256: str | None = named_queries().validator_of_repeated(connection, run_id=run_id)
    return sha256
