"""Tells whether an object within an output states an error, in the words that workers have for it.

An error under its own name counts wherever it stands. A status, a `success` and the like are the job's own at the top
of an output, or in an item of a list there; further down they count with a text that says what went wrong, for an
answer may tell of other things than itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from janitor.diagnosis.handler.error_texts import is_http_phrase

_ERROR_TEXTS = frozenset(
    {
        *("error_message", "error_msg", "errormessage", "error_traceback", "traceback", "exception"),
        *("error_detail", "error_details", "error_description", "err", "err_msg", "errmsg"),
    }
)
"""What the SDK and workers call the parts of an error."""
_STATUS = re.compile(r"(?!no[_ -])(?:\w+[_ -])?error|errored|failed|failure|fail|time(?:d[_ -]?)?out|exception|crashed")
_STATUS_TOLD = re.compile(r"(?:error|failed|failure)\s*:\s*\S.*|failed to \w.*", re.DOTALL)
_STATUS_NAMES = ("status", "state")
_CODE_NAMES = ("status", "status_code", "statuscode", "http_status")
_EXPLAINED_CODE_NAMES = (*_CODE_NAMES, "code")
"""A `code` may be anything; beside a message it is how servers number what went wrong."""
_ERROR_CODE_NAMES = ("error_code", "errorcode", "err_code")
_SUCCESS_NAMES = ("success", "succeeded")
_FAILURE_NAMES = ("failed", "is_error", "has_error")
_KIND_NAMES = ("object", "type")
_EXPLANATIONS = ("message", "msg", "reason", "detail", "details", "description")
_ERROR_NAMES = frozenset({"error", "errors"}) | _ERROR_TEXTS
_NAMES = _ERROR_NAMES.union(
    _STATUS_NAMES, _EXPLAINED_CODE_NAMES, _ERROR_CODE_NAMES, _SUCCESS_NAMES, _FAILURE_NAMES, _KIND_NAMES, _EXPLANATIONS
)
_NO_ERROR = frozenset({"", "none", "null", "no error", "no errors", "false", "0"})
_LONGEST_NAME = 60
_LONGEST_STATUS = 40
_LONGEST_TOLD = 1_000
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
        if name in _ERROR_TEXTS and isinstance(item, (str, list, Mapping)) and item and not _says_none(item):
            return key, item
        # A number of errors is a measurement; a text or a list of them is a failure.
        if name == "errors" and _states_errors(item):
            return key, item
    is_explained = any(name in _EXPLANATIONS and isinstance(item, str) and item.strip() for name, _key, item in members)
    if not (is_result or is_explained):
        return None
    if is_result and len(value) == 1 and members and members[0][0] == "detail" and _is_server_detail(members[0][2]):
        return members[0][1:]
    for name, key, item in members:
        if _is_bad(name, item, is_result=is_result, is_explained=is_explained):
            return key, item
    return None


def is_error_name(name: str) -> bool:
    """Whether a name says by itself that what stands under it is an error."""
    return name.strip().lower() in _ERROR_NAMES


def _is_bad(name: str, item: Any, *, is_result: bool, is_explained: bool) -> bool:
    if isinstance(item, bool):
        return not item if name in _SUCCESS_NAMES else item and name in _FAILURE_NAMES and is_result and is_explained
    if name in _ERROR_CODE_NAMES:
        return is_result and is_explained and isinstance(item, (int, str)) and item != 0 and not _says_none(item)
    if isinstance(item, int):
        names = _EXPLAINED_CODE_NAMES if is_explained else _CODE_NAMES
        return name in names and item in _HTTP_ERRORS and is_result
    if not isinstance(item, str) or len(item) > _LONGEST_TOLD:
        return False
    text = item.strip().lower()
    if name in _STATUS_NAMES and _STATUS_TOLD.fullmatch(text):
        return True
    if len(item) > _LONGEST_STATUS:
        return False
    # OpenAI's API and events of a stream say what they are.
    return (name in _STATUS_NAMES and bool(_STATUS.fullmatch(text))) or (
        (name in _KIND_NAMES and text == "error" and is_explained) or (name in _SUCCESS_NAMES and text == "false")
    )


def _is_server_detail(item: Any) -> bool:
    """Whether it is what FastAPI's errors hold: HTTP's own words for one, or a list of what is wrong with a request.

    A worker that hands on what its own server said hands on this too. Source: fastapi/exception_handlers.py.
    """
    if isinstance(item, str):
        return is_http_phrase(item)
    return isinstance(item, list) and any(isinstance(part, Mapping) and {"loc", "msg"} <= part.keys() for part in item)


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
        elif not _says_none(part) if isinstance(part, str) else part:
            return True
    return False


def _says_none(value: Any) -> bool:
    """Whether a text is empty, or says that there is no error."""
    return isinstance(value, str) and value.strip().lower() in _NO_ERROR


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
        elif isinstance(part, str) and not _says_none(part):
            return True
    return False
