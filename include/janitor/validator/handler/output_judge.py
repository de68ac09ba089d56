"""Judges a handler's output: is there any, does an error hide in it, is there an object that nobody iterated.

The SDK calls a job completed when the top level of its result has no `error`; everything below that is judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from janitor.validator.handler.verdict import PASSED, Verdict, clipped, failing

UNFINISHED = re.compile(r"<(?:async_generator|generator|coroutine) object .{1,300}? at 0x[0-9a-fA-F]+>", re.DOTALL)
"""What Python prints for an object that should have been iterated or awaited."""

_ERROR_STATUS = frozenset({"error", "failed", "failure"})
_ERROR_TEXTS = frozenset({"error_message", "error_msg", "errormessage", "error_traceback", "traceback"})
"""What the SDK and workers call the parts of an error."""
_LONGEST_JSON_TEXT = 1_000_000


def judge_output(output: Any) -> Verdict:
    """Judge an output as decoded from JSON, or as read back from a Python repr.

    Args:
        output: What the handler returned; for a generator, the list of what it yielded.
    """
    if is_empty(output):
        return failing("empty_output", f"the handler returned nothing: {clipped(output)}")
    for path, value in walk(output):
        if isinstance(value, str) and UNFINISHED.fullmatch(value.strip()):
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
    if output is None or (isinstance(output, str) and not output.strip()):
        return True
    if isinstance(output, Mapping):
        return not output
    return isinstance(output, (list, tuple)) and all(is_empty(item) for item in output)


def walk(output: Any) -> Iterator[tuple[str, Any]]:
    """Every value within an output with its path, JSON in a text included."""
    waiting: list[tuple[str, Any]] = [("output", output)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, str) and value[:1] in ("{", "[") and len(value) <= _LONGEST_JSON_TEXT:
            try:
                value = json.loads(value)  # what the text holds is judged like the rest
            except (ValueError, RecursionError):
                continue
            waiting.append((path, value))
        elif isinstance(value, Mapping):
            waiting += [(f"{path}.{clipped(str(key), 60)}", item) for key, item in value.items()]
        elif isinstance(value, (list, tuple)):
            waiting += [(f"{path}[{index}]", item) for index, item in enumerate(value)]


def _error_in(value: Mapping[Any, Any]) -> tuple[str, Any] | None:
    for key, item in value.items():
        name = key.strip().lower() if isinstance(key, str) else ""
        if name == "error" and item:
            return str(key), item
        if name in _ERROR_TEXTS and isinstance(item, (str, list, Mapping)) and item:
            return str(key), item
        # A number of errors is a measurement; a text or a list of them is a failure.
        if name == "errors" and item and not isinstance(item, (bool, int, float)):
            return str(key), item
    return None


def _error_status(output: Any) -> str | None:
    """A status of `error` or `failed` at the top of the output, or of one of its items."""
    for index, item in enumerate(output if isinstance(output, list) else [output]):
        status = item.get("status") if isinstance(item, Mapping) else None
        if isinstance(status, str) and status.strip().lower() in _ERROR_STATUS:
            where = f"output[{index}]" if isinstance(output, list) else "output"
            return f"{where}.status is {status!r}: {clipped(item)}"
    return None
