"""One validation with its checks, for whoever has only its id: the tasks of its run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import NotFoundError
from janitor.domain.result.history_views import CheckView
from janitor.domain.views import ValidationView
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.report.reports import validation_views
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class CheckedValidation:
    """A validation, and what its checks said."""

    validation: ValidationView
    checks: tuple[CheckView, ...]
    """In their order; empty without a report."""


def checked_validation(settings: Settings, validation_id: UUID) -> CheckedValidation:
    """One validation as it stands.

    Raises:
        NotFoundError: There is none.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        queries = named_queries()
        rows = list(queries.overview_of_validation(connection, validation_id=validation_id))
        if not rows:
            raise NotFoundError(f"there is no validation {validation_id}")
        (view,) = validation_views(connection, rows, phases=False)
        checks = tuple(
            CheckView(
                name=row["name"],
                status=CheckStatus(row["status"]),
                required=row["required"],
                reason_code=row["reason_code"],
                reason=row["reason"],
                duration=timedelta(seconds=row["duration_seconds"] or 0),
            )
            for row in queries.checks_of_validation(connection, validation_id=validation_id)
        )
    return CheckedValidation(validation=view, checks=checks)
