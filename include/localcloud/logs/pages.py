"""Pages of CloudWatch Logs, as AWS may answer them: now and then one without events, with more behind it."""

from __future__ import annotations

from typing import Any

from moto.logs.models import LogStream

from localcloud.faults.in_force import FaultBook
from localcloud.faults.rules import Paged
from localcloud.moto_pin import replace_attribute

_FORWARD = "f/"
_DIGITS = 56
"""Of moto's tokens."""


def install(faults: FaultBook) -> None:
    """Patch moto's GetLogEvents."""
    original = vars(LogStream)["get_log_events"]

    def get_log_events(self: LogStream, *asked: Any) -> Any:
        *_, next_token, start_from_head = asked
        onward = next_token.startswith(_FORWARD) if next_token else start_from_head
        if onward and faults.take_empty_page(Paged.LOG_EVENTS):
            return [], next_token or f"b/{0:0{_DIGITS}d}", same_place(next_token)
        return original(self, *asked)

    replace_attribute(LogStream, "get_log_events", get_log_events)


def same_place(token: str | None) -> str:
    """Another token for the same place: the same one would be the end of the stream. None is before the first event."""
    if token is None:
        return f"{_FORWARD}{-1:0{_DIGITS}d}"
    digits = len(token) - len(_FORWARD)
    return f"{_FORWARD}{int(token[len(_FORWARD) :]):0{_DIGITS - 1 if digits == _DIGITS else _DIGITS}d}"
