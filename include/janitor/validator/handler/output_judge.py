"""Judges a handler's output: is there any, does an error hide in it, is there an object that nobody iterated.

The SDK calls a job completed when the top level of its result has no `error`; everything below that is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from janitor.validator.handler.stated_errors import is_error_name, stated_error
from janitor.validator.handler.text_documents import document_in
from janitor.validator.handler.verdict import PASSED, Verdict, clipped, failing

UNFINISHED = re.compile(r"<(?:async_generator|generator|coroutine) object .{1,300}? at 0x[0-9a-fA-F]+>", re.DOTALL)
"""What Python prints for an object that should have been iterated or awaited."""

_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\):\n")
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
    for path, value, is_result in walk(output):
        if isinstance(value, str):
            if value.lstrip()[:1] == "<" and UNFINISHED.fullmatch(value.strip()):
                return failing(
                    "unfinished_object", f"{path} is {clipped(value, 80)}, which the handler never iterated or awaited"
                )
            if is_result and _TRACEBACK.match(value):
                return failing("nested_error", f"{path} is a traceback: …{clipped(value.strip()[-_LONGEST_PATH:])}")
        elif found := stated_error(value, is_result=is_result):
            name, error = found
            said = f"{name}: {clipped(error)}" if is_error_name(name) else f"{name} is {error!r}: {clipped(value)}"
            return failing("nested_error", f"{path}.{said}")
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


def walk(output: Any) -> Iterator[tuple[str, str | Mapping[Any, Any], bool]]:
    """Every text and every object within an output, JSON in a text included: its path, itself, and whether it is the
    output or an item of it rather than a part.

    Nothing here recurses, and nothing is copied: what a worker answers is as deep and as large as it likes.
    """
    waiting: list[tuple[Iterator[tuple[str, Any]], bool]] = [(iter((("output", output),)), True)]
    while waiting:
        parts, is_result = waiting[-1]
        path, value = next(parts, (None, None))
        if path is None:
            waiting.pop()
            continue
        if isinstance(value, str):
            yield path, value, is_result
            value = document_in(value)  # what the text holds is judged like the rest
        if isinstance(value, Mapping):
            yield path, value, is_result
            waiting.append((_members(path, value), False))
        elif isinstance(value, (list, tuple)):
            waiting.append((_items(path, value), is_result))


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
