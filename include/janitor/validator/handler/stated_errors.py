"""Tells whether an object within an output states an error, in the words that workers have for it.

An error under its own name counts wherever it stands. A status, a `success` and the like are the job's own at the top
of an output, or in an item of a list there; further down they count with a text that says what went wrong, for an
answer may tell of other things than itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ERROR_TEXTS = frozenset(
    {
        *("error_message", "error_msg", "errormessage", "error_traceback", "traceback", "exception"),
        *("error_detail", "error_details", "error_description"),
    }
)
"""What the SDK and workers call the parts of an error."""
_STATUS = re.compile(r"(?!no[_ -])(?:\w+[_ -])?error|errored|failed|failure|fail|time(?:d[_ -]?)?out|exception|crashed")
_STATUS_NAMES = ("status", "state")
_CODE_NAMES = ("status", "status_code", "statuscode", "http_status")
_SUCCESS_NAMES = ("success", "succeeded")
_KIND_NAMES = ("object", "type")
_EXPLANATIONS = ("message", "msg", "reason", "detail", "details", "description")
_ERROR_NAMES = frozenset({"error", "errors"}) | _ERROR_TEXTS
_NAMES = _ERROR_NAMES.union(_STATUS_NAMES, _CODE_NAMES, _SUCCESS_NAMES, _KIND_NAMES, _EXPLANATIONS)
_LONGEST_NAME = 60
_LONGEST_STATUS = 40
_HTTP_ERRORS = range(400, 600)


def stated_error(value: Mapping[Any, Any], *, is_result: bool) -> tuple[str, Any] | None:
    """The name and the value that state an error in an object; None if none does.

    Args:
        value: An object within an output.
        is_result: Whether it is the output itself or an item of it.
    """
    # A list: names that differ in their case alone stand side by side, and one must not hide the other.
    members = [
        (name, key, item)
        for key, item in value.items()
        if isinstance(key, str) and len(key) <= _LONGEST_NAME and (name := key.strip().lower()) in _NAMES
    ]
    for name, key, item in members:
        if name == "error" and states_error(item):
            return key, item
        if name in _ERROR_TEXTS and isinstance(item, (str, list, Mapping)) and item:
            return key, item
        # A number of errors is a measurement; a text or a list of them is a failure.
        if name == "errors" and _states_errors(item):
            return key, item
    is_explained = any(name in _EXPLANATIONS and isinstance(item, str) and item.strip() for name, _key, item in members)
    if not (is_result or is_explained):
        return None
    for name, key, item in members:
        if _is_bad(name, item, is_result=is_result, is_explained=is_explained):
            return key, item
    return None


def is_error_name(name: str) -> bool:
    """Whether a name says by itself that what stands under it is an error."""
    return name.strip().lower() in _ERROR_NAMES


def _is_bad(name: str, item: Any, *, is_result: bool, is_explained: bool) -> bool:
    if isinstance(item, bool):
        return name in _SUCCESS_NAMES and not item
    if isinstance(item, int):
        return name in _CODE_NAMES and item in _HTTP_ERRORS and is_result
    if not isinstance(item, str) or len(item) > _LONGEST_STATUS:
        return False
    text = item.strip().lower()
    # OpenAI's API and events of a stream say what they are.
    return (name in _STATUS_NAMES and bool(_STATUS.fullmatch(text))) or (
        name in _KIND_NAMES and text == "error" and is_explained
    )


def states_error(value: Any) -> bool:
    """Whether what stands under `error` states one: a text, a code, true. Nothing, a code 0 and a fraction don't, which
    is how far a model is off."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
        elif isinstance(part, float):
            if part.is_integer() and part != 0:
                return True
        elif part.strip() if isinstance(part, str) else part:
            return True
    return False


def _states_errors(value: Any) -> bool:
    """The same for `errors`: whatever is no number or empty."""
    waiting = [(value, False)]
    while waiting:
        part, is_listed = waiting.pop()
        if isinstance(part, Mapping):
            if is_listed and part:
                return True
            waiting += ((item, False) for item in part.values())
        elif isinstance(part, (list, tuple)):
            waiting += ((item, True) for item in part)
        elif isinstance(part, str) and part.strip():
            return True
    return False
