"""A repository as its page shows it: its health, its validations, and what its last report's checks saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from janitor.domain.views import ValidationView
from janitor.protocol.report import Report
from janitor.services.report.documents import reports_of
from janitor.services.report.reports import repository_history
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class Health:
    """Of its last ten validations."""

    validations: int
    successes: int
    flaky_rate: Decimal | None
    """How often the verdict turned over, out of the times that it could have."""
    not_successful_since: datetime | None


@dataclass(frozen=True, kw_only=True)
class RepositoryPage:
    """All of it."""

    health: Health | None
    """None until a validation has an end."""
    validations: Sequence[ValidationView]
    """Newest first."""
    report: Report | None
    """Of the newest; None where there is none that can be read."""


def repository_page(settings: Settings, organization: str, name: str, *, last: int) -> RepositoryPage:
    """Read it.

    Args:
        settings: Of the deployment.
        organization: Of the repository.
        name: Its name.
        last: How many validations.

    Raises:
        NotFoundError: It was never validated here.
        DatabaseError: Postgres can't be used.
    """
    repository = f"{organization}/{name}"
    validations = repository_history(settings, repository, last)
    with transaction(settings.reader_url) as connection:
        row = named_queries().health_of_repository(
            connection, deployment=settings.deployment, organization=organization, repository_name=name
        )
    health = None
    if row is not None:
        health = Health(
            validations=row["validations"],
            successes=row["successes"],
            flaky_rate=row["flaky_rate"],
            not_successful_since=row["not_successful_since"],
        )
    (reported,) = reports_of(settings, repository).validations
    return RepositoryPage(health=health, validations=validations, report=reported.report)
