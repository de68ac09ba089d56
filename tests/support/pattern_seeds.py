"""Texts against which a regular expression may be slow, made from the expression itself.

What makes one slow is that a text can be read in many ways, or that a long part of it is read again from each place.
So each repetition's body, what stands before it and near misses of the whole are repeated; a fixed list adds what many
expressions trip over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

try:
    from re import _constants as constants  # type: ignore[attr-defined]  # not in typeshed
    from re import _parser as parser  # type: ignore[attr-defined]  # not in typeshed
except ImportError:  # Python 3.10
    import sre_constants as constants
    import sre_parse as parser

_PREFERRED = "a0 A-_./:=,;'\"\\()[]{}<>@#$%&*+?!|~^`\n\t\ré\u4e00\x00"
FIXED = (
    *"a0 \n\t-_./\\:=,'\"()[]{}<>@#$&|*",
    "a ",
    "a\n",
    " \n",
    "\n ",
    "a.",
    "a-",
    "a/",
    "a=",
    "a,",
    "a:",
    "0.",
    "0 ",
    "[ 0.0",
    "- ",
    "\\\n",
    '\\"',
    "\\'",
    '""',
    "$(",
    "''",
    '"a',
    "é",
    "# ",
    "x://",
    "${",
    "a b\n",
    "FROM a\n",
    "RUN a\n",
    "error: ",
)
_MOST_SEEDS = 70


def seeds(pattern: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """(before, repeated, after) of texts to try, the expression's own ones first."""
    parsed = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    whole = _sample(parsed)
    own: list[tuple[str, str, str]] = []
    for before, body in _repetitions(parsed, ""):
        for unit in dict.fromkeys((body, body[:1], before + body)):
            if unit:
                own += [(before, unit, ""), (before, unit, "\x00"), (before, unit, "\n!")]
        if before:
            own += [("", before, ""), ("", before, "\x00")]
    own += [("", whole, ""), ("", whole[:-1], ""), ("", whole, "\x00"), ("", whole[: len(whole) // 2], "")]
    fixed = [("", each, "") for each in FIXED] + [("", each, "\x00") for each in FIXED[:12]]
    # Unless the last one is needed, all of the fixed ones are tried.
    kept = [each for each in dict.fromkeys(own) if each[1]][:_MOST_SEEDS]
    return [*kept, *(each for each in fixed if each not in kept)]


def text_of(seed: tuple[str, str, str], length: int) -> str:
    """The text of that many characters."""
    before, unit, after = seed
    times = max((length - len(before) - len(after)) // len(unit), 1)
    return before + unit * times + after


def _sample(nodes: Any) -> str:
    """A text that the expression more or less matches; look-arounds are left out."""
    return "".join(_one(node) for node in nodes)


def _one(node: Any) -> str:
    kind, value = node
    if kind is constants.LITERAL:
        return chr(value)
    if kind is constants.NOT_LITERAL:
        return next(each for each in _PREFERRED if each != chr(value))
    if kind is constants.IN:
        return _member(value)
    if kind is constants.ANY:
        return "a"
    if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT) or str(kind) == "POSSESSIVE_REPEAT":
        least, _, body = value
        return _sample(body) * int(min(max(least, 1), 40))
    if kind is constants.SUBPATTERN:
        return _sample(value[-1])
    if str(kind) == "ATOMIC_GROUP":
        return _sample(value)
    if kind is constants.BRANCH:
        return _sample(value[1][0])
    return ""


def _member(items: Any) -> str:
    negated = items[0][0] is constants.NEGATE
    for each in _PREFERRED:
        if any(_is_in(each, item) for item in items) is not negated:
            return each
    for kind, value in items:
        if kind is constants.LITERAL:
            return chr(value)
        if kind is constants.RANGE:
            return chr(value[0])
    return "a"


def _is_in(character: str, item: Any) -> bool:
    kind, value = item
    if kind is constants.LITERAL:
        return bool(ord(character) == value)
    if kind is constants.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    if kind is constants.CATEGORY:
        classes = {"DIGIT": r"\d", "WORD": r"\w", "SPACE": r"\s"}
        name = str(value).rpartition("_")[2]
        matched = re.match(classes[name], character) is not None
        return matched is not ("_NOT_" in str(value))
    return False


def _repetitions(nodes: Any, before: str) -> Iterator[tuple[str, str]]:
    """Each repetition that can be long, with what stands before it."""
    for node in nodes:
        kind, value = node
        if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT) or str(kind) == "POSSESSIVE_REPEAT":
            _, most, body = value
            if most > 20:
                yield before, _sample(body)
            yield from _repetitions(body, before)
        elif kind is constants.SUBPATTERN:
            yield from _repetitions(value[-1], before)
        elif str(kind) == "ATOMIC_GROUP":
            yield from _repetitions(value, before)
        elif kind is constants.BRANCH:
            for branch in value[1]:
                yield from _repetitions(branch, before)
        elif kind in (constants.ASSERT, constants.ASSERT_NOT):
            yield from _repetitions(value[1], before)
        before += _one(node)
