"""Judges a handler's output: is there any, does an error hide in it, is there an object that nobody iterated.

The SDK calls a job completed when the top level of its result has no `error`; everything below that is judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from janitor.validator.handler.verdict import PASSED, Verdict, clipped, failing

UNFINISHED = re.compile(r"<(?:async_generator|generator|coroutine) object .{1,300}? at 0x[0-9a-fA-F]+>", re.DOTALL)
"""What Python prints for an object that should have been iterated or awaited."""

_ERROR_STATUS = frozenset({"error", "failed", "failure"})
_ERROR_TEXTS = frozenset({"error_message", "error_msg", "errormessage", "error_traceback", "traceback"})
"""What the SDK and workers call the parts of an error."""
_LONGEST_JSON_TEXT = 1_000_000
_LONGEST_PATH = 400
_PARTS = (str, Mapping, list, tuple)
_END = object()


def judge_output(output: Any) -> Verdict:
    """Judge an output as decoded from JSON, or as read back from a Python repr.

    Args:
        output: What the handler returned; for a generator, the list of what it yielded.
    """
    if is_empty(output):
        return failing("empty_output", f"the handler returned nothing: {clipped(output)}")
    for path, value in walk(output):
        if isinstance(value, str) and value.lstrip()[:1] == "<" and UNFINISHED.fullmatch(value.strip()):
            return failing(
                "unfinished_object", f"{path} is {clipped(value, 80)}, which the handler never iterated or awaited"
            )
        if isinstance(value, Mapping) and (found := _error_in(value)):
            name, error = found
            return failing("nested_error", f"{path}.{name}: {clipped(error)}")
    if error := _error_status(output):
        return failing("nested_error", error)
    return PASSED


def is_empty(output: Any) -> bool:
    """Whether an output is nothing: null, an empty text or container, or a list of such. False and 0 are something."""
    waiting = [iter((output,))]
    while waiting:
        value = next(waiting[-1], _END)
        if value is _END:
            waiting.pop()
        elif isinstance(value, (list, tuple)):
            waiting.append(iter(value))
        elif value is not None and not (isinstance(value, str) and not value.strip()) and value != {}:
            return False
    return True


def walk(output: Any) -> Iterator[tuple[str, Any]]:
    """Every text and every object within an output with its path, JSON in a text included.

    Nothing here recurses, and nothing is copied: what a worker answers is as deep and as large as it likes.
    """
    waiting: list[Iterator[tuple[str, Any]]] = [iter((("output", output),))]
    while waiting:
        path, value = next(waiting[-1], (None, None))
        if path is None:
            waiting.pop()
            continue
        if isinstance(value, str):
            yield path, value
            if value[:1] not in ("{", "[") or len(value) > _LONGEST_JSON_TEXT:
                continue
            try:
                value = json.loads(value)  # what the text holds is judged like the rest
            except (ValueError, RecursionError):
                continue
        if isinstance(value, Mapping):
            yield path, value
            waiting.append(_members(path, value))
        elif isinstance(value, (list, tuple)):
            waiting.append(_items(path, value))


def _members(path: str, value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, _PARTS):
            yield _longer(path, f".{clipped(str(key), 60)}"), item


def _items(path: str, value: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for index, item in enumerate(value):
        if isinstance(item, _PARTS):
            yield _longer(path, f"[{index}]"), item


def _longer(path: str, step: str) -> str:
    """A path with a further step; of a very long one the beginning is left out."""
    return f"{path}{step}" if len(path) < _LONGEST_PATH else f"…{path[-_LONGEST_PATH // 2 :]}{step}"


def _error_in(value: Mapping[Any, Any]) -> tuple[str, Any] | None:
    for key, item in value.items():
        name = key.strip().lower() if isinstance(key, str) else ""
        if name == "error" and states_error(item):
            return str(key), item
        if name in _ERROR_TEXTS and isinstance(item, (str, list, Mapping)) and item:
            return str(key), item
        # A number of errors is a measurement; a text or a list of them is a failure.
        if name == "errors" and _states_errors(item):
            return str(key), item
    return None


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


def _error_status(output: Any) -> str | None:
    """A status of `error` or `failed` at the top of the output, or of one of its items."""
    for index, item in enumerate(output if isinstance(output, list) else [output]):
        status = item.get("status") if isinstance(item, Mapping) else None
        if isinstance(status, str) and status.strip().lower() in _ERROR_STATUS:
            where = f"output[{index}]" if isinstance(output, list) else "output"
            return f"{where}.status is {status!r}: {clipped(item)}"
    return None
