"""CloudWatch Logs: reading one stream, from its start or following it, and searching all streams of a group at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Some lines, and where to read on; `next_token` stays the same at the end of the stream."""

    lines: tuple[str, ...]
    next_token: str | None


def read_page(access: CloudAccess, log_group: str, stream: str, token: str | None) -> LogPage:
    """Read the lines after `token` (from the start: None). A stream that doesn't exist yet has no lines.

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
            return LogPage(lines=(), next_token=token)
        raise CloudError(f"GetLogEvents {log_group}/{stream}: {exc}") from exc
    return LogPage(
        lines=tuple(event["message"] for event in answer["events"]), next_token=answer.get("nextForwardToken")
    )


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
