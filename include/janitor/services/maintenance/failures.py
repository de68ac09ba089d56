"""The failure that a shard is to repair, read from what its validation left."""

from __future__ import annotations

from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import ConflictError, DatabaseError, NotFoundError
from janitor.domain.experiment.experiment import Repeated
from janitor.domain.repair.proposal import Failure
from janitor.domain.result.provenance_changes import ProvenanceChanges
from janitor.protocol.report import Report, ReportError
from janitor.protocol.values import Place
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


def failure_of(settings: Settings, validation_id: UUID) -> Failure:
    """All that is known of a red validation.

    Raises:
        NotFoundError: There is no failed validation of this id with a report.
        ConflictError: Its plan or its report is of a version that isn't read any more, or it has no commit.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        row = named_queries().failure_row(connection, deployment=settings.deployment, validation_id=validation_id)
    if row is None:
        raise NotFoundError(f"validation {validation_id} isn't a failure of {settings.deployment} with a report")
    if row["commit_sha"] is None or row["signature"] is None:
        raise ConflictError(f"validation {validation_id} failed without a commit or a signature: validate it again")
    try:
        plan, report = RepositoryPlan.from_dict(row["plan"]), Report.from_dict(row["report"])
    except (ReportError, ValueError) as exc:
        raise ConflictError(f"validation {validation_id} can't be repeated ({exc}): validate it again") from exc
    try:
        last_good = None if row["good_report"] is None else Report.from_dict(row["good_report"])
    except ReportError:
        last_good = None  # of a version that isn't read any more: nothing is known of it then
    changes = row["changes"]
    return Failure(
        repeated=Repeated(
            validation_id=validation_id,
            plan=plan,
            commit_sha=row["commit_sha"],
            signature=row["signature"],
            instance_type=row["instance_type"],
            report=report,
        ),
        last_good=last_good,
        last_good_at=row["good_at"] if last_good is not None else None,
        changes=None if changes is None else ProvenanceChanges.read(changes, Place("", DatabaseError)),
    )
