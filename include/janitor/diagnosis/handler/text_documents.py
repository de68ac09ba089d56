"""Reads the JSON that a text holds: one document, one for each line, or the events of a stream."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

_LONGEST = 1_000_000
_LONGEST_PRINTED = 20_000
_EVENT_FIELD = re.compile(r"(data|event|id|retry)?:[ ]?(.*)")


def document_in(text: str) -> Any:
    """What a text holds as JSON; None where it holds none, or is longer than a million characters.

    A Python literal in braces or brackets counts as well. Several documents make a list. Lines count only where every
    one of them is a document or a field of an event: prose may have a line that looks like either.
    """
    if len(text) > _LONGEST:
        return None
    start = text.lstrip()[:1]
    if start in ("{", "[", '"'):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            found = _printed(text)
            return _lines(text) if found is None else found
    return _events(text) if _EVENT_FIELD.match(text) else None


def _printed(text: str) -> Any:
    """What was made a text by `str` instead of `json.dumps`; None where it is no such text."""
    if len(text) > _LONGEST_PRINTED or text.rstrip()[-1:] not in ("}", "]"):
        return None
    try:
        with warnings.catch_warnings():
            # Python warns of a backslash that escapes nothing.
            warnings.simplefilter("ignore")
            return ast.literal_eval(text.strip())
    # A TypeError is what an object in the place of a key ends in, as `{{"a": 1}}` has it.
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _lines(text: str) -> list[Any] | None:
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if line.lstrip()[:1] not in ("{", "["):
            return None
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            return None
    return found


def _events(text: str) -> list[Any] | None:
    """The data of server-sent events; of an event that is called `error`, as an error."""
    found: list[Any] = []
    name = ""
    for line in text.splitlines():
        match = _EVENT_FIELD.fullmatch(line)
        if match is None and line.strip():
            return None
        if match is None:
            name = ""
        elif match[1] == "event":
            name = match[2].strip()
        elif match[1] == "data":
            try:
                data = json.loads(match[2])
            except (ValueError, RecursionError):
                data = match[2]
            found.append({"error": data} if name == "error" else data)
    return found
