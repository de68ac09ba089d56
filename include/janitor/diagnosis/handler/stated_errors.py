"""Tells whether what stands under `error` states one, or is a measurement, nothing, or word that all is well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from janitor.diagnosis.handler.error_texts import sounds_bad, tells_of_an_error

_NO_ERROR = frozenset(
    {"", "none", "null", "nil", "no error", "no errors", "false", "no", "n/a", "-", "undefined", "no error occurred"}
)
_ALL_WELL = re.compile(
    r"(?:[se]?0{1,9}|ok|okay|success|successful(?:ly)?|succeeded|done|fine|completed?|normal|20\d"
    r"|all good|without errors?|no[_ -]?errors?(?: (?:found|occurred|detected|reported))?)[.!]?"
)
_CODES = frozenset({"code", "status", "errno", "number", "error_code", "status_code"})
_GOOD_CODES = range(200, 300)
_AT_A_PLACE = re.compile(r"(?i)\s{0,20}(?:line |ln |l)?\d{1,7}(?:[:,]\d|:\s)|\s{0,20}[\w./-]{1,200}:\d{1,7}:")
_FINDING = re.compile(
    r"(?i)https?://\S{1,300}:\s|[A-Z]{1,4}\d{3,4}:? \w|AssertionError\b|SyntaxError\b"
    r"|.{0,300}\b(?:on |at )?line \d{1,7}\b|.{0,200}['\"] (?:should be|->|=>|→|instead of) ['\"]"
)
_MEASURE = re.compile(
    r"[-+±]?(?:\d{1,15}\.\d{1,15}(?:e[-+]?\d{1,3})?\s?[A-Za-z%°µ²/]{0,8}|\d{1,15}\s?(?:px|pixels?|[mcnµk]?m|%|°|dB|K|[mn]?s))"
)
_LONGEST_WORD = 40


def says_none(value: Any) -> bool:
    """Whether a text is empty, or says that there is no error."""
    return isinstance(value, str) and value.strip().lower() in _NO_ERROR


def says_all_well(value: Any) -> bool:
    """Whether a text or a code says that all went well."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int):
        return value == 0 or value in _GOOD_CODES
    is_word = isinstance(value, str) and len(value) <= _LONGEST_WORD
    return is_word and _ALL_WELL.fullmatch(value.strip().lower()) is not None


def states_error(value: Any) -> bool:
    """Whether what stands under `error` states one: a text, true, a code by its name.

    Nothing and a text such as `none` don't, and neither does a number, with or without its unit, which is how far a
    model is off or how often.
    """
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += ((str(key).strip().lower(), item) for key, item in part.items())
        elif isinstance(part, (list, tuple)):
            waiting += ((name, item) for item in part)
        elif isinstance(part, str):
            if not says_none(part) and not says_all_well(part) and not _MEASURE.fullmatch(part.strip()):
                return True
        elif isinstance(part, bool):
            if part:
                return True
        elif isinstance(part, int) and name in _CODES and not says_all_well(part):
            return True
    return False


def states_errors(value: Any) -> bool:
    """The same for `errors`: a number of them is a measurement, a text or an object in a list is one of them."""
    waiting = [(value, False)]
    while waiting:
        part, is_listed = waiting.pop()
        if isinstance(part, Mapping):
            if is_listed and part:
                return True
            waiting += ((item, False) for item in part.values())
        elif isinstance(part, (list, tuple)):
            waiting += ((item, True) for item in part)
        elif isinstance(part, str) and not says_none(part) and not says_all_well(part):
            return True
    return False


def texts_in(value: Any) -> list[str]:
    """All texts within a value."""
    waiting, found = [value], []
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
        elif isinstance(part, str):
            found.append(part)
    return found


def tells_of_trouble(value: Any) -> bool:
    """Whether one of the texts in a value reads as a program's own trouble, not as something that it found."""
    return any(tells_of_an_error(text) or (sounds_bad(text) and not is_at_a_place(text)) for text in texts_in(value))


def is_at_a_place(text: str) -> bool:
    """Whether a text begins with a place in what was looked at, as the findings of a linter do."""
    return _AT_A_PLACE.match(text) is not None


def is_finding_text(text: str) -> bool:
    """Whether a text reads as what was found in something: a rule's number, a line, a better word."""
    return is_at_a_place(text) or _FINDING.match(text) is not None
