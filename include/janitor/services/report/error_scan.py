"""The log of a sequential run, searched for ERROR lines that nobody expects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from janitor.cloud.logs import read_page
from janitor.cloud.session import CloudAccess
from janitor.domain.error_lines import UnexpectedErrors, unexpected_errors
from janitor.settings import Settings
from janitor.stores import sequential as store
from janitor.stores.database import transaction

_MOST_LINES = 200_000
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
    found = unexpected_errors(_lines(settings, streams), expected)
    with transaction(settings.writer_url) as connection:
        store.keep_unexpected_errors(connection, run_id, found.count)
    return found


def _lines(settings: Settings, streams: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    access = CloudAccess.of(settings)
    for repository, stream in streams:
        for line in islice(_of_stream(access, settings.log_group, stream), _MOST_LINES):
            yield repository, line


def _of_stream(access: CloudAccess, log_group: str, stream: str) -> Iterator[str]:
    token = None
    while (page := read_page(access, log_group, stream, token)).lines:
        yield from page.lines
        token = page.next_token
