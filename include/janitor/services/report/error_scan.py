"""The log of a sequential run, searched for ERROR lines that nobody expects.

Invariant: a log that isn't there, or has more than is searched, is never taken for one without such lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from uuid import UUID

from janitor.cloud.logs import LogPage, read_pages
from janitor.cloud.session import CloudAccess
from janitor.domain.error_lines import UnexpectedErrors, unexpected_errors
from janitor.settings import Settings
from janitor.stores import sequential as store
from janitor.stores.database import transaction

MOST_LINES = 200_000
"""Of one repository's log: a stranger writes it, and the verdict must come."""


def scan_log(settings: Settings, run_id: UUID) -> UnexpectedErrors:
    """Search the logs of the run's repositories, in their order, and keep how many there are.

    Raises:
        CloudError: CloudWatch Logs can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        streams = store.log_streams(connection, run_id)
        expected = store.sequential_run(connection, run_id).expected_errors
    unsearched: list[str] = []
    found = unexpected_errors(_lines(settings, streams, unsearched), expected)
    found = replace(found, unsearched=tuple(unsearched))
    with transaction(settings.writer_url) as connection:
        store.keep_unexpected_errors(connection, run_id, found.known_count)
    return found


def _lines(settings: Settings, streams: list[tuple[str, str]], unsearched: list[str]) -> Iterator[tuple[str, str]]:
    """(repository, line) of each log; what of them can't be had is added to `unsearched`."""
    access = CloudAccess.of(settings)
    for repository, stream in streams:
        gaps: list[str] = []
        lines = _of_stream(read_pages(access, settings.log_group, stream), gaps)
        for line in islice(lines, MOST_LINES):
            yield repository, line
        if next(lines, None) is not None:
            gaps.append(f"only its first {MOST_LINES:,} lines were searched")
        unsearched += [f"{repository}: {gap}" for gap in gaps]


def _of_stream(pages: Iterator[LogPage], gaps: list[str]) -> Iterator[str]:
    for page in pages:
        if not page.exists:
            gaps.append("its log isn't there")
        yield from page.lines
