"""CloudWatch Logs: reading one stream, from its start or following it, and searching all streams of a group at once.

Invariant: a page without lines is no end. CloudWatch may answer one with more behind it, to either call: a stream's end
is the token that was asked with, and a search's is no token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Some lines, and where to read on; `next_token` stays the same at the end of the stream."""

    lines: tuple[str, ...]
    next_token: str | None
    exists: bool = True
    """Whether the stream is there."""


def read_page(access: CloudAccess, log_group: str, stream: str, token: str | None) -> LogPage:
    """Read a page of the lines after `token` (from the start: None). A stream that doesn't exist yet has no lines.

    Whoever wants them all, or wants to know that there are none, takes `read_pages`.

    Raises:
        CloudError: CloudWatch Logs can't be asked.
    """
    parameters = {"logGroupName": log_group, "logStreamName": stream, "startFromHead": True}
    if token:
        parameters["nextToken"] = token
    try:
        answer = access.client("logs").get_log_events(**parameters)
    except CLIENT_ERRORS as exc:
        if error_code(exc) == "ResourceNotFoundException":
            return LogPage(lines=(), next_token=token, exists=False)
        raise CloudError(f"GetLogEvents {log_group}/{stream}: {exc}") from exc
    return LogPage(
        lines=tuple(event["message"] for event in answer["events"]), next_token=answer.get("nextForwardToken")
    )


def read_pages(access: CloudAccess, log_group: str, stream: str, token: str | None = None) -> Iterator[LogPage]:
    """The pages after `token` (from the start: None), to the stream's end as it is then; one at least.

    Source: CloudWatch Logs API, GetLogEvents: "If you have reached the end of the stream, it returns the same token you
    passed in", and a call "can return empty results while there are more log events available".

    Raises:
        CloudError: CloudWatch Logs can't be asked.
    """
    while True:
        page = read_page(access, log_group, stream, token)
        yield page
        if page.next_token is None or page.next_token == token:
            return
        token = page.next_token


_MOST_LOOKS_BACK = 10


def read_tail(access: CloudAccess, log_group: str, stream: str, count: int) -> tuple[str, ...]:
    """The last lines of a stream, the oldest first; none where it isn't there.

    Args:
        access: To the cloud.
        log_group: Of the stream.
        stream: Its name.
        count: Most lines.

    Raises:
        CloudError: CloudWatch Logs can't be asked.
    """
    parameters: dict[str, Any] = {"logGroupName": log_group, "logStreamName": stream}
    parameters |= {"startFromHead": False, "limit": count}
    lines: tuple[str, ...] = ()
    for _ in range(_MOST_LOOKS_BACK):
        try:
            answer = access.client("logs").get_log_events(**parameters)
        except CLIENT_ERRORS as exc:
            if error_code(exc) == "ResourceNotFoundException":
                return ()
            raise CloudError(f"GetLogEvents {log_group}/{stream}: {exc}") from exc
        lines = (*(event["message"] for event in answer["events"]), *lines)
        before = answer.get("nextBackwardToken")
        if len(lines) >= count or before is None or before == parameters.get("nextToken"):
            break
        parameters["nextToken"] = before
    return lines[-count:]


@dataclass(frozen=True, kw_only=True)
class FoundLine:
    """A line that a search found."""

    stream: str
    at: datetime
    line: str


def search_group(
    access: CloudAccess, log_group: str, word: str, since: datetime, *, most_pages: int
) -> list[FoundLine]:
    """The lines with a word in any stream of a group, each stream's in their order.

    One call for up to 10,000 lines, however many streams there are. Streams aren't named: AWS refuses the whole call
    where one of them isn't there yet.

    Args:
        access: To the cloud.
        log_group: Which group; one that doesn't exist yet has no lines.
        word: Letters and digits alone.
        since: Of the lines' own times.
        most_pages: Most calls; what lies behind them is found by a later search.

    Raises:
        CloudError: CloudWatch Logs can't be asked.
    """
    parameters = {
        "logGroupName": log_group,
        "startTime": int(since.timestamp() * 1000),
        "filterPattern": word,
    }
    found: list[FoundLine] = []
    for _ in range(most_pages):
        try:
            answer = access.client("logs").filter_log_events(**parameters)
        except CLIENT_ERRORS as exc:
            if error_code(exc) == "ResourceNotFoundException":
                break
            raise CloudError(f"FilterLogEvents {log_group}: {exc}") from exc
        found += [
            FoundLine(
                stream=event["logStreamName"],
                at=datetime.fromtimestamp(event["timestamp"] / 1000, timezone.utc),
                line=event["message"],
            )
            for event in answer["events"]
        ]
        if not answer.get("nextToken"):
            break
        parameters["nextToken"] = answer["nextToken"]
    return found
