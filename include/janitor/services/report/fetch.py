"""The reports of a run, from storage into a folder.

What lies in storage was written by an instance that ran strangers' code. A document is fetched as it is, and what is
said of it is the ledger's word: whether it is the one that the verdict was drawn from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import NotFoundError
from janitor.domain.states import RunKind
from janitor.domain.views import RunView, ValidationView
from janitor.protocol.report import REPORT_MAX_BYTES
from janitor.services.report.reports import run_view
from janitor.settings import Settings
from janitor.stores import sequential as store
from janitor.stores.database import transaction


@dataclass(frozen=True, kw_only=True)
class FetchedReport:
    """One repository's report."""

    validation: ValidationView
    content: bytes | None
    problem: str | None
    """Why there is none, or why it isn't believed."""


@dataclass(frozen=True, kw_only=True)
class FetchedRun:
    """A run with its reports, in the order of its configuration."""

    run: RunView
    reports: tuple[FetchedReport, ...]


def fetch_reports(settings: Settings, run_id: str | None) -> FetchedRun:
    """Fetch the reports of a run from storage.

    Args:
        settings: Of the environment.
        run_id: As for `run_view`; None: the deployment's last sequential run.

    Raises:
        NotFoundError: There is no such run.
        CloudError: S3 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    if run_id is None:
        with transaction(settings.reader_url) as connection:
            latest = store.latest_run(connection, settings.deployment, RunKind.SEQUENTIAL)
        if latest is None:
            raise NotFoundError(
                "there is no sequential run here yet; start one with `make run-janitor`, or name another run: RUN_ID="
            )
        run_id = str(latest)
    run = run_view(settings, run_id)
    with transaction(settings.reader_url) as connection:
        kept = store.kept_reports(connection, run.run_id)
    access = CloudAccess.of(settings)
    return FetchedRun(
        run=run,
        reports=tuple(_fetch(access, settings.bucket, each, kept.get(each.validation_id)) for each in run.validations),
    )


def _fetch(
    access: CloudAccess, bucket: str, validation: ValidationView, kept: store.KeptReport | None
) -> FetchedReport:
    if kept is None:
        why = validation.summary or validation.status.value
        return FetchedReport(validation=validation, content=None, problem=f"no report: {why}")
    try:
        content = storage.get(access, bucket, kept.storage_key, at_most_bytes=REPORT_MAX_BYTES)
    except storage.TooLargeError as exc:
        return FetchedReport(validation=validation, content=None, problem=str(exc))
    if content is None:
        return FetchedReport(validation=validation, content=None, problem=f"{kept.storage_key} is gone from storage")
    is_same = hashlib.sha256(content).hexdigest() == kept.sha256
    problem = None if is_same else "it was changed in storage since the verdict was drawn from it"
    return FetchedReport(validation=validation, content=content, problem=problem)


def file_names(reports: tuple[FetchedReport, ...]) -> dict[UUID, Path]:
    """Where each report goes below the run's folder: `<organization>/<name>.json`, which a configuration has once."""
    return {
        each.validation.validation_id: Path(each.validation.organization) / f"{each.validation.repository_name}.json"
        for each in reports
    }
