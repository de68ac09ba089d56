"""Tells what a handler returned that the SDK can't send: it goes to the platform as JSON, and only as JSON.

The local mode prints any object, and the API turns dates and sets into something; the way to the platform does neither.
Source: runpod-python 1.7.7 and 1.12.0, rp_http.py, `_handle_result`: `json.dumps(job_data)`, of which a TypeError is
only logged, so that the job never ends. What merely prints otherwise (a Counter, a named tuple, an enumeration of
texts) goes through: only what surely doesn't is named here.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

from janitor.diagnosis.handler.python_repr import Parsed, Token, TokenKind, end_of_value
from janitor.diagnosis.handler.verdict import clipped

_OBJECT = re.compile(
    r"<(?:[\w.]{1,200} object at 0x|PIL\.|class '|function |module '|bound method |built-in |_io\.|memory at 0x"
    r"|Response \[)"
)
_CALLS = frozenset(
    {
        *("array", "tensor", "datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta", "Decimal"),
        *("UUID", "PosixPath", "Timestamp", "deque", "frozenset", "range", "bytearray", "Fraction", "dict_keys"),
        *("dict_values", "dict_items", "np.float16", "np.float32", "np.int8", "np.int16", "np.int32", "np.int64"),
        *("np.uint8", "np.uint16", "np.uint32", "np.uint64"),
    }
)
_WORDS = frozenset({"np.True_", "np.False_", "Ellipsis"})
_DEFAULTDICT, _OPENING = Token(TokenKind.WORD, "defaultdict"), Token(TokenKind.SIGN, "(")
_KEYS = (str, int, float, bool, type(None))


def unsendable(parsed: Parsed) -> str | None:
    """What in a result is surely no JSON, as it was printed; None if nothing is.

    Args:
        parsed: The repr of the result, whole or cut.
    """
    if parsed.is_literal and (found := _in_value(parsed.value)):
        return found
    tokens = _without_factories(parsed.tokens)
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.kind is TokenKind.OBJECT and _OBJECT.match(token.value):
            return clipped(token.value, 80)
        if token.kind is not TokenKind.WORD or following is None:
            continue
        if token.value in _WORDS or (following.value == "(" and token.value in _CALLS):
            return token.value
        if token.value == "b" and following.kind is TokenKind.TEXT:
            return "bytes"
    return None


def _without_factories(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """The same without what makes the missing values of a defaultdict: it is printed, and is no part of the JSON."""
    left: list[Token] = []
    index = 0
    while index < len(tokens):
        left.append(tokens[index])
        index += 1
        if left[-1] == _DEFAULTDICT and tokens[index : index + 1] == (_OPENING,):
            left.append(_OPENING)
            index = end_of_value(tokens, index + 1)
    return tuple(left)


def _in_value(value: Any) -> str | None:
    """The type of the first part that `json.dumps` refuses."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if bad := next((key for key in part if not isinstance(key, _KEYS)), None):
                return f"a key {clipped(bad, 60)}"
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
        elif isinstance(part, (bytes, set, complex)) or part is ...:
            return type(part).__name__
    return None
