"""What the worker was given: a part of it that comes back in the answer, read aloud or echoed, is none of the worker's
own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from janitor.diagnosis.handler.stated_errors import texts_in

_WORD = re.compile(r"\w+")
_CODE_LIKE = re.compile(r"\w\(|\b(?:import|raise|assert|def|return)\s|[\w\])]\s{0,3}[-+*/%]{0,2}=\s|\d\s?/\s?0")
_SHORTEST_QUOTE = 12
"""Characters; a shorter text that stands within a longer one may stand there by chance."""


_ASKS = re.compile(
    r"(?i)\b(?:errors?|fehler|erreurs?|errore|exceptions?|tracebacks?|stack ?traces?|python|javascript"
    r"|log (?:line|entry|message)|status code|error page|404|500)\b|\bprint\(|\d\s?/\s?0\b"
)
_FEWEST_WORDS = 3

CODE = object()
"""Stands for any program among what was given: the failure of one is the right answer of a worker that runs it."""


ASKS = object()
"""Stands for a sentence among what was given that speaks of errors or of what a program prints: what answers it does,
too."""


class Given:
    """A job's input."""

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def holds(self, answered: Any) -> bool:
        """Whether a part of an answer is a part of the input: a text within a text, or an object as it was."""
        if answered is CODE:
            return any(_CODE_LIKE.search(text) for text in texts_in(self._value))
        if answered is ASKS:
            return any(_asks_of_errors(text) for text in texts_in(self._value))
        if isinstance(answered, str):
            return self._holds_text(answered)
        texts = texts_in(answered)
        if isinstance(answered, Mapping):
            if self._holds_object(answered):
                return True
            if any(len(text) < _SHORTEST_QUOTE for text in texts):
                return False
        return bool(texts) and all(self._holds_text(text) for text in texts)

    def _holds_object(self, answered: Mapping[Any, Any]) -> bool:
        try:
            return any(answered == each for each in self._objects)
        except RecursionError:  # both are nested more deeply than can be compared
            return False

    def _holds_text(self, text: str) -> bool:
        plain = _plain(text)
        if not plain:
            return False
        return any(plain == each or (len(plain) >= _SHORTEST_QUOTE and plain in each) for each in self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        return [_plain(text) for text in texts_in(self._value)]

    @cached_property
    def _objects(self) -> list[Mapping[Any, Any]]:
        waiting, found = [self._value], []
        while waiting:
            part = waiting.pop()
            if isinstance(part, Mapping):
                found.append(part)
                waiting += part.values()
            elif isinstance(part, (list, tuple)):
                waiting += part
        return found


def _asks_of_errors(text: str) -> bool:
    is_division = re.fullmatch(r"\s{0,9}\d{1,9}\s?/\s?0\s{0,9}", text) is not None
    return _ASKS.search(text) is not None and (is_division or len(text.split()) >= _FEWEST_WORDS)


def _plain(text: str) -> str:
    """Its words alone: what is read aloud or off a picture has lost the rest."""
    return " ".join(_WORD.findall(text)).casefold()
