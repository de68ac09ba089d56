"""The failure whose culprit is asked for: a repository's last verdict, and the last success before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.repair.proposal import Failure
from janitor.domain.result.provenance_changes import changes_between
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Report, ReportError
from janitor.services.experiments.repeated import repeated_validation
from janitor.services.report.reports import repository_history
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


def failure_asked_about(settings: Settings, repository: str, run_id: UUID | None = None) -> Failure:
    """A repository's last failure, or that of a run.

    Args:
        settings: Of the deployment.
        repository: `name` or `organization/name`.
        run_id: The run that it failed in; None: its last verdict must be a failure.

    Raises:
        NotFoundError: It was never validated here, or not in that run.
        ConflictError: Its verdict is no failure of its own, or lacks what doing it again takes.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        row: dict[str, Any] | None = named_queries().culprit_question(
            connection, deployment=settings.deployment, repository=repository, run_id=run_id
        )
    if row is None:
        repository_history(settings, repository, 1)  # names what is near
        raise NotFoundError(f"repository {repository!r} has no verdict in run {run_id}; see `janitor runs`")
    if row["status"] != ValidationStatus.FAILED.value:
        raise ConflictError(
            f"the last verdict of {row['repository']} is {row['status']}, and a culprit is that of a failure; name a"
            f" run in which it failed by --run, see `janitor query-db {row['repository']}`"
        )
    good = _read(row["good_report"])
    repeated = repeated_validation(settings, row["validation_id"])
    return Failure(
        repeated=repeated,
        last_good=good,
        last_good_at=row["good_at"] if good is not None else None,
        changes=None if good is None else changes_between(good, repeated.report),
    )


def search_key(failure: Failure, *, here: bool = False) -> str:
    """Of the search for a failure's culprit: who asks again goes on with it. What this machine says, and what
    instances say, are two searches."""
    return f"culprit/{failure.repeated.validation_id}{'/here' if here else ''}"


@contextmanager
def tree_of(settings: Settings, failure: Failure) -> Iterator[Path]:
    """The repository at the failure's commit, for as long as the block lasts.

    Raises:
        LeaseHeldError: Another search for the same failure goes on.
        WorkspaceError: The repository or the commit can't be had.
    """
    repeated = failure.repeated
    run_id = f"culprit-{repeated.validation_id}"
    manager = WorkspaceManager.of(settings)
    with manager.workspace(run_id, repeated.plan.url, repeated.commit_sha) as workspace:
        yield workspace.path


def _read(document: Any) -> Report | None:
    try:
        return None if document is None else Report.from_dict(document)
    except ReportError:
        return None  # of a version that isn't read any more: nothing is known of it then
