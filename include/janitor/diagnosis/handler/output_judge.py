"""Judges a handler's output: is there any, does an error hide in it, is there an object that nobody iterated.

The SDK calls a job completed when the top level of its result has no `error`; everything below that is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from janitor.diagnosis.handler.error_shapes import is_error_name, stated_error
from janitor.diagnosis.handler.error_texts import TRACEBACK, tells_of_an_error
from janitor.diagnosis.handler.text_documents import document_in
from janitor.diagnosis.handler.verdict import PASSED, Verdict, clipped, failing
from janitor.protocol.reason_codes import ReasonCode

UNFINISHED = re.compile(r"<(?:async_generator|generator|coroutine) object .{1,300}? at 0x[0-9a-fA-F]+>", re.DOTALL)
"""What Python prints for an object that should have been iterated or awaited."""

_LONGEST_PATH = 400
_PARTS = (str, Mapping, list, tuple)
_ENVELOPES = frozenset({"output", "result", "response"})
"""What workers call the one member that holds their answer."""
_MOST_ENVELOPES = 10
_MOST_TEXTS = 3
"""Within each other, each as JSON."""
_END = object()


def judge_output(output: Any) -> Verdict:
    """Judge an output as decoded from JSON, or as read back from a Python repr.

    Args:
        output: What the handler returned; for a generator, the list of what it yielded.
    """
    if is_empty(output):
        return failing(ReasonCode.EMPTY_OUTPUT, f"the handler returned nothing: {clipped(output)}")
    path, answer = answer_in(output)
    if isinstance(answer, str) and tells_of_an_error(answer):
        return failing(ReasonCode.NESTED_ERROR, f"{path} is all of the answer and tells of an error: {_ending(answer)}")
    verdict = _judge_parts(path, answer)
    if verdict is PASSED and (text := _text_of_stream(answer)) is not None:
        if tells_of_an_error(text):
            return failing(
                ReasonCode.NESTED_ERROR, f"{path} is all of the answer and tells of an error: {_ending(text)}"
            )
        verdict = _judge_parts(path, document_in(text))
    return verdict


def answer_in(output: Any) -> tuple[str, Any]:
    """The answer within what holds nothing else, a list of one or an object with its output alone, and its path."""
    path = "output"
    for _ in range(_MOST_ENVELOPES):
        inner: list[tuple[str, Any]] = []
        if isinstance(output, Mapping):
            filled = _filled(output.items())
            inner = [(f".{key}", value) for key, value in filled if str(key).strip().lower() in _ENVELOPES]
            inner = inner if len(filled) == 1 else []
        elif isinstance(output, (list, tuple)):
            filled = _filled(enumerate(output))
            inner = [(f"[{index}]", value) for index, value in filled] if len(filled) == 1 else []
        if not inner:
            break
        path, output = path + inner[0][0], inner[0][1]
    return path, output


def _filled(members: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The first two members that aren't empty."""
    return list(islice((member for member in members if not is_empty(member[1])), 2))


def _text_of_stream(answer: Any) -> str | None:
    """The text that chunks of text make together; None where there is another chunk."""
    if isinstance(answer, (list, tuple)) and all(isinstance(chunk, str) for chunk in answer):
        return "".join(answer)
    return None


def _ending(text: str) -> str:
    """The end of a text, where a traceback names its exception."""
    text = text.strip()
    return clipped(text) if len(text) <= _LONGEST_PATH else f"…{clipped(text[-_LONGEST_PATH:], _LONGEST_PATH)}"


def _judge_parts(start: str, answer: Any) -> Verdict:
    for path, value, is_result in walk(answer, start):
        if isinstance(value, str):
            if value.lstrip()[:1] == "<" and UNFINISHED.fullmatch(value.strip()):
                return failing(
                    ReasonCode.UNFINISHED_OBJECT,
                    f"{path} is {clipped(value, 80)}, which the handler never iterated or awaited",
                )
            if is_result and TRACEBACK.match(value):
                return failing(ReasonCode.NESTED_ERROR, f"{path} is a traceback: {_ending(value)}")
        elif found := stated_error(value, is_result=is_result):
            name, error = found
            said = f"{name}: {clipped(error)}" if is_error_name(name) else f"{name} is {error!r}: {clipped(value)}"
            return failing(ReasonCode.NESTED_ERROR, f"{path}.{said}")
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


def walk(output: Any, path: str = "output") -> Iterator[tuple[str, str | Mapping[Any, Any], bool]]:
    """Every text and every object within an output, JSON in a text included: its path, itself, and whether it is the
    output or an item of it rather than a part.

    Nothing here recurses, and nothing is copied: what a worker answers is as deep and as large as it likes.
    """
    waiting: list[tuple[Iterator[tuple[str, Any]], bool]] = [(iter(((path, output),)), True)]
    while waiting:
        parts, is_result = waiting[-1]
        path, value = next(parts, ("", None))
        if not path:
            waiting.pop()
            continue
        for _ in range(_MOST_TEXTS):
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
