"""The failure that a shard is to repair, read from what its validation left."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from janitor.domain.errors import DatabaseError
from janitor.domain.repair.proposal import Failure
from janitor.domain.result.provenance_changes import ProvenanceChanges
from janitor.protocol.report import Report, ReportError
from janitor.protocol.values import Place
from janitor.services.experiments.repeated import repeated_validation
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


def failure_of(settings: Settings, validation_id: UUID) -> Failure:
    """All that is known of a red validation.

    Raises:
        NotFoundError: There is none of this id that has ended.
        ConflictError: It isn't the repository's failure, or lacks what repeating takes.
        DatabaseError: Postgres can't be used.
    """
    repeated = repeated_validation(settings, validation_id)
    with transaction(settings.reader_url) as connection:
        row = named_queries().last_good_of_failure(connection, validation_id=validation_id)
    try:
        last_good = None if row["good_report"] is None else Report.from_dict(row["good_report"])
    except ReportError:
        last_good = None  # of a version that isn't read any more: nothing is known of it then
    changes = row["changes"]
    return Failure(
        repeated=repeated,
        last_good=last_good,
        last_good_at=row["good_at"] if last_good is not None else None,
        changes=None if changes is None else ProvenanceChanges.read(changes, Place("", DatabaseError)),
    )


def broken_since(settings: Settings, validation_id: UUID) -> datetime | None:
    """When a failure began; None where that isn't known. Raises DatabaseError."""
    with transaction(settings.reader_url) as connection:
        row = named_queries().last_good_of_failure(connection, validation_id=validation_id)
    at: datetime | None = None if row is None else row["broken_since"]
    return at
