"""The log of one validation, from CloudWatch Logs, while it runs or afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from uuid import UUID

from janitor.cloud.logs import read_pages, read_tail
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import NotFoundError
from janitor.domain.views import ValidationView
from janitor.services.report.reports import repository_history, run_view
from janitor.services.report.validation import checked_validation
from janitor.settings import Settings

MOST_LINES = 20_000
"""What a page shows of one log."""
_QUIET = timedelta(seconds=5)
"""How long after a validation's end its stream may still grow: the agent sends what it has buffered."""


def validation_log(settings: Settings, repo: str, run_id: str | None = None, follow: bool = False) -> Iterator[str]:
    """Lines of a validation's log, oldest first.

    Args:
        repo: ``name`` or ``organization/name``.
        run_id: As for `run_view`; None is the repository's latest validation.
        follow: Go on until the validation has ended, or its hard limit and grace have passed.

    Raises:
        NotFoundError: There is no such validation, or nothing was run for it.
        CloudError: CloudWatch Logs can't be asked.
        DatabaseError: Postgres can't be used.
    """
    view = _find(settings, repo, run_id)
    access, token, quiet_since = CloudAccess.of(settings), None, time.monotonic()
    while True:
        if view.log_stream is not None:
            for page in read_pages(access, settings.log_group, view.log_stream, token):
                yield from page.lines
                token, quiet_since = page.next_token, time.monotonic() if page.lines else quiet_since
        elif view.status.is_final or not follow:
            raise NotFoundError(f"nothing was run for {repo} in run {view.run_id}: {view.summary or view.status.value}")
        ended = view.status.is_final and time.monotonic() - quiet_since >= _QUIET.total_seconds()
        if not follow or ended:
            return
        time.sleep(settings.poll_interval.total_seconds())
        view = _find(settings, repo, str(view.run_id))


def log_of_validation(settings: Settings, validation_id: UUID) -> Iterator[str]:
    """Lines of one validation's log as far as it is there, oldest first, at most `MOST_LINES`.

    Raises:
        NotFoundError: There is no such validation, or nothing was run for it; raised at once.
        DatabaseError: Postgres can't be used; raised at once.
        CloudError: CloudWatch Logs can't be asked.
    """
    view = checked_validation(settings, validation_id).validation
    if view.log_stream is None:
        raise NotFoundError(f"nothing was run for {view.repository_name} in run {view.run_id}")
    return islice(_lines(CloudAccess.of(settings), settings.log_group, view.log_stream), MOST_LINES)


def tail_of_validation(settings: Settings, validation_id: UUID, count: int) -> tuple[str, ...]:
    """The last lines of one validation's log, the oldest first. Raises as `log_of_validation`."""
    view = checked_validation(settings, validation_id).validation
    if view.log_stream is None:
        raise NotFoundError(f"nothing was run for {view.repository_name} in run {view.run_id}")
    return read_tail(CloudAccess.of(settings), settings.log_group, view.log_stream, count)


def tail_of_repository(settings: Settings, repo: str, run_id: str | None, count: int) -> tuple[str, ...]:
    """The same of a repository in a run; `repo` and `run_id` as for `validation_log`.

    Raises as `log_of_validation`.
    """
    view = _find(settings, repo, run_id)
    if view.log_stream is None:
        raise NotFoundError(f"nothing was run for {repo} in run {view.run_id}: {view.summary or view.status.value}")
    return read_tail(CloudAccess.of(settings), settings.log_group, view.log_stream, count)


def _lines(access: CloudAccess, log_group: str, stream: str) -> Iterator[str]:
    for page in read_pages(access, log_group, stream):
        yield from page.lines


def _find(settings: Settings, repo: str, run_id: str | None) -> ValidationView:
    if run_id is None:
        return repository_history(settings, repo, 1)[0]
    run = run_view(settings, run_id)
    wanted = repo.casefold()
    for view in run.validations:
        if wanted in (view.repository_name.casefold(), f"{view.organization}/{view.repository_name}".casefold()):
            return view
    names = ", ".join(view.repository_name for view in run.validations)
    raise NotFoundError(f"run {run.run_id} has no repository {repo!r}; it has: {names}")
