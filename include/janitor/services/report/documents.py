"""Validations with their whole reports: what `report` shows. Uses the role that only reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from janitor.domain.errors import NotFoundError
from janitor.domain.views import RunView, ValidationView
from janitor.protocol.report import Report, ReportError
from janitor.services.report.reports import repository_history, run_view
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

_RUN_ID = re.compile(r"[0-9a-fA-F]{6,8}(?:-[0-9a-fA-F-]{0,28})?")
"""A run's id, or its beginning."""
_IN_AIRFLOWS_IDS = "__"
"""As in `scheduled__2026-01-01T03:00:00+00:00`."""


@dataclass(frozen=True, kw_only=True)
class ReportedValidation:
    """One validation, and what its validator found."""

    validation: ValidationView
    report: Report | None
    """None where none was handed in (yet), or where it can't be read."""
    problem: str | None = None
    """Why a report that was kept can't be read."""


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """What was asked for: a run, or a repository's last validation."""

    run: RunView | None
    """None where a repository was asked for."""
    validations: Sequence[ReportedValidation]
    """In the order of the configuration."""


def reports_of(settings: Settings, subject: str) -> ReportedRun:
    """The reports of a run, or the last one of a repository.

    Args:
        settings: Of the deployment.
        subject: ``name`` or ``organization/name`` of a repository, or a run as for `run_view`; where a repository is
            called as a run begins, it is the repository.

    Raises:
        NotFoundError: It is neither; what is near is named.
        DatabaseError: Postgres can't be used.
    """
    run = None
    try:
        validations: Sequence[ValidationView] = repository_history(settings, subject, 1)
    except NotFoundError:
        wanted = subject.strip()
        if not _RUN_ID.fullmatch(wanted) and _IN_AIRFLOWS_IDS not in wanted:
            raise
        run = run_view(settings, subject)
        validations = run.validations
    ids = [each.validation_id for each in validations]
    with transaction(settings.reader_url) as connection:
        rows = named_queries().report_documents(connection, validation_ids=ids)
        documents = {row["validation_id"]: row["report"] for row in rows}
    return ReportedRun(
        run=run, validations=tuple(_reported(each, documents.get(each.validation_id)) for each in validations)
    )


def _reported(validation: ValidationView, document: Any) -> ReportedValidation:
    if document is None:
        return ReportedValidation(validation=validation, report=None)
    try:
        return ReportedValidation(validation=validation, report=Report.from_dict(document))
    except ReportError as exc:
        return ReportedValidation(validation=validation, report=None, problem=f"its report can't be read: {exc}")
