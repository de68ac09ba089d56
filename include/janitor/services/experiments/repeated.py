"""A validation of the ledger as experiments repeat it."""

from __future__ import annotations

from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.experiment.experiment import Repeated
from janitor.domain.states import RunPurpose, ValidationStatus
from janitor.protocol.report import Report, ReportError
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.maintenance import experiments


def repeated_validation(settings: Settings, validation_id: UUID) -> Repeated:
    """A validation of the fleet that failed, with all that doing it again takes.

    Raises:
        NotFoundError: The deployment has none of this id, or it goes on.
        ConflictError: It is an experiment itself, isn't a failure of the repository's, or lacks what repeating takes.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        row = experiments.repeatable(connection, settings.deployment, validation_id)
    if row is None:
        raise NotFoundError(f"deployment {settings.deployment} has no validation {validation_id} that has ended")
    if row.purpose is RunPurpose.EXPERIMENT:
        raise ConflictError(f"validation {validation_id} is an experiment itself; repeat what it repeats")
    if row.status is not ValidationStatus.FAILED or row.commit_sha is None or row.signature is None:
        raise ConflictError(f"validation {validation_id} is no failure with a cause and a commit: {row.status.value}")
    try:
        plan, report = RepositoryPlan.from_dict(row.plan), Report.from_dict(row.report)
    except (ValueError, ReportError) as exc:
        raise ConflictError(f"validation {validation_id} has no plan, or no report, that is read: {exc}") from exc
    return Repeated(
        validation_id=validation_id,
        plan=plan,
        commit_sha=row.commit_sha,
        signature=row.signature,
        instance_type=row.instance_type,
        report=report,
    )
