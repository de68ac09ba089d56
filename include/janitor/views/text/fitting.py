"""A place and a cause within a number of characters: cut at words, and so that what tells most is left.

What tells most of a place is its end, the file with its line; of a sentence what stands behind its last colon, which is
the package or the file that it is about; of anything else, such as an exception, its beginning.
"""

from __future__ import annotations

import itertools
import re

from janitor.protocol.text.signature import OUTPUT_MISMATCH

_CUT = "…"
_SIDES = re.compile(OUTPUT_MISMATCH)


def fitted(place: str | None, cause: str, room: int) -> str:
    """`handler.py:9: KeyError: 'large'` in at most `room` characters."""
    if place is None:
        return fitted_cause(cause, room)
    whole = f"{place}: {cause}"
    if len(whole) <= room:
        return whole
    # The cause gets what the place leaves, and the half at least.
    shown = fitted_place(place, max(room - 2 - len(cause), room // 2 - 2))
    return f"{shown}: {fitted_cause(cause, room - len(shown) - 2)}"


def fitted_place(place: str, room: int) -> str:
    """`…/handler.py:6`: as many of its last folders as fit; of a file's own name its end."""
    if len(place) <= room:
        return place
    steps = place.split("/")
    for first in range(1, len(steps)):
        if len(shown := "/".join([_CUT, *steps[first:]])) <= room:
            return shown
    return _CUT + place[1 - room :]


def fitted_cause(cause: str, room: int) -> str:
    """The cause in at most `room` characters."""
    if len(cause) <= room:
        return cause
    if sides := _SIDES.search(cause):
        expected, got = sides[0].removeprefix("expected ").removesuffix(", got "), cause[sides.end() :]
        return _mismatch(cause[: sides.start()], expected, got, room)
    lead, colon, told = cause.rpartition(": ")
    is_sentence = " " in cause.partition(": ")[0]
    if colon and is_sentence and len(told) + 2 <= room // 2:
        return f"{at_word(lead, room - len(told) - 2)}: {told}"
    return at_word(cause, room)


def at_word(text: str, room: int) -> str:
    """The beginning of a text, up to the end of a word; of its first word what fits."""
    if len(text) <= room:
        return text
    words, blank, _ = text[:room].rpartition(" ")
    kept = words if blank and len(words) >= room // 2 else text[: room - 1]
    return kept.rstrip(" ,;:(") + _CUT


def _mismatch(case: str, expected: str, got: str, room: int) -> str:
    """`counts_words: expected {… "words": 4}, got {… "words": 19}`: what both begin with tells nothing."""
    both = list(zip(expected.split(" "), got.split(" "), strict=False))
    same = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], both)))
    if same > 2:
        bracket = expected[0] if expected[0] in "{[" else ""
        expected, got = (f"{bracket}… {' '.join(side.split(' ')[same - 1 :])}" for side in (expected, got))
    left = room - len("expected , got ")
    if len(expected) + len(got) + len(case) > left:
        case = ""  # what differs tells more than which case it is
    half = left // 2
    expected = at_word(expected, max(half, left - len(got)))
    return f"{case}expected {expected}, got {at_word(got, left - len(expected) - len(case))}"
