"""CloudWatch Logs: reading one stream, from its start or following it."""

from __future__ import annotations

from dataclasses import dataclass

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
