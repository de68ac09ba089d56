"""What running validations are at, from their logs: one search over the log group for all of them.

Invariant: it is beside the result. Where the logs can't be read, what was known stays, and that is said once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from janitor.cloud.logs import search_group
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.views import ProgressView, RunView, ValidationView
from janitor.protocol.progress import MARK, read_progress
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries

_INTERVAL = timedelta(seconds=2)
_MOST_PAGES = 5
"""Calls of one look. Source: CloudWatch Logs quotas, FilterLogEvents: 5 per second in the smallest regions."""
_LATE = timedelta(seconds=60)
"""How much later than another stream's a line may arrive that is no newer."""


@dataclass
class ProgressReader:
    """Adds to looks at runs what their validations are at.

    Args:
        settings: Of the environment.
        notice: Told once where the logs can't be read.
        monotonic: Seconds; measures the pause between two searches.
    """

    settings: Settings
    notice: Callable[[str], None] = lambda _: None
    monotonic: Callable[[], float] = time.monotonic
    _latest: dict[str, ProgressView] = field(default_factory=dict)
    """By log stream."""
    _usual: dict[UUID, timedelta] = field(default_factory=dict)
    _known_runs: set[UUID] = field(default_factory=set)
    _seen_until: datetime | None = None
    _next_search: float | None = None
    _told: bool = False

    def added_to(self, runs: Sequence[RunView]) -> list[RunView]:
        """The same runs, each unfinished validation with its progress and its last time.

        Raises:
            DatabaseError: Postgres can't be used.
        """
        for run in runs:
            if run.run_id not in self._known_runs and run.validations:
                self._usual |= _usual_times(self.settings, run.run_id)
                self._known_runs.add(run.run_id)
        running = [each for run in runs for each in run.validations if _is_running(each)]
        if running:
            self._search(min(each.launched_at or each.started_at for each in running if each.started_at))
        return [replace(run, validations=tuple(self._added(each) for each in run.validations)) for run in runs]

    def _added(self, validation: ValidationView) -> ValidationView:
        if validation.status.is_final:
            return validation
        progress = self._latest.get(validation.log_stream or "")
        return replace(validation, progress=progress, usual_time=self._usual.get(validation.validation_id))

    def _search(self, began: datetime) -> None:
        now = self.monotonic()
        if self._next_search is not None and now < self._next_search:
            return
        self._next_search = now + _INTERVAL.total_seconds()
        since = began if self._seen_until is None else max(began, self._seen_until - _LATE)
        try:
            access = CloudAccess.of(self.settings)
            found = search_group(access, self.settings.log_group, MARK, since, most_pages=_MOST_PAGES)
        except CloudError as trouble:
            if not self._told:
                self._told = True
                self.notice(f"What the instances are at can't be read: {trouble}")
            return
        for each in found:
            self._seen_until = max(self._seen_until or each.at, each.at)
            progress = read_progress(each.line)
            before = self._latest.get(each.stream)
            if progress is not None and (before is None or before.since <= each.at):
                self._latest[each.stream] = ProgressView(
                    check=progress.check, phase=progress.phase, status=progress.status, since=each.at
                )


def _is_running(validation: ValidationView) -> bool:
    return not validation.status.is_final and validation.log_stream is not None and validation.started_at is not None


def _usual_times(settings: Settings, run_id: UUID) -> Mapping[UUID, timedelta]:
    with transaction(settings.reader_url) as connection:
        rows = named_queries().last_times_of_run(connection, run_id=run_id)
        return {row["validation_id"]: row["took"] for row in rows}
