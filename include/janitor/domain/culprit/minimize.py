"""Which set of changes to put back next, so that the smallest one that makes it green again is found.

Two searches follow one another. Halving, with what is known to be needed kept put back, comes to a small set in about
log2(n) experiments for each culprit, so long as more put back makes nothing worse. ddmin goes on from there, supposes
nothing, and leaves a set of which no part is green. Both are a walk that is begun anew each time and that answers from
what was tried; so it goes on wherever it was stopped, and asks for nothing twice. Sources: U. Junker, "QuickXplain",
AAAI 2004; A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on Software
Engineering 28(2), 2002.

Invariant: a set is `Found` only where it was seen green, nothing put back was seen red, and it was seen red with each
one of it missing; and the first two of these a second time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum

PutBack = frozenset[str]
"""Keys of changes."""
NOTHING: PutBack = frozenset()
_TRIES = 2
"""What could not be judged is tried so often."""
_MOST_TO_SAVE = 16
"""Experiments that may go into finding what can't be put back."""
_SEEN = 2
"""So often the set that is named must be seen green, and nothing put back red."""


class Outcome(str, Enum):
    """What came of an experiment, as a search sees it."""

    GREEN = "green"
    RED = "red"  # it came as far as where it fails now, and is no success
    OTHERWISE = "otherwise"  # it failed sooner, as where what is put back can't be installed: that says nothing
    UNTOLD = "untold"  # it could not be judged this time


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An experiment that was carried out."""

    put_back: PutBack
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Try:
    """What is to be tried next."""

    put_back: PutBack


@dataclass(frozen=True, kw_only=True)
class Found:
    """The smallest set that makes it green."""

    put_back: PutBack


@dataclass(frozen=True, kw_only=True)
class Inconclusive:
    """No set can be named."""

    reason: Unnamed
    about: PutBack
    """The set that the reason is about."""
    green: PutBack | None
    """The smallest set that was seen green; None: none was, or what was seen contradicts itself."""


class Unnamed(str, Enum):
    """Why no set can be named."""

    NO_CHANGE = "no_change"  # there is nothing that could be put back
    GREEN_NOW = "green_now"  # it is green with nothing put back
    RED_BEFORE = "red_before"  # it is red with everything put back
    UNTOLD = "untold"  # an experiment that decides could not be judged
    OTHERWISE = "otherwise"  # one of the first two failed sooner than what is looked for
    FLAKY = "flaky"  # the same experiment had two outcomes
    ENTANGLED = "entangled"  # whether less would do could not be told


def next_experiment(
    candidates: Sequence[str], tried: Sequence[Tried], *, hunches: Sequence[PutBack] = ()
) -> Try | Found | Inconclusive:
    """What to try next, or what came of it.

    Args:
        candidates: Keys of the changes, the likeliest first; the same on each call.
        tried: All that was tried so far, in its order.
        hunches: Sets that are likely to hold the culprit, tried before the halves; the same on each call.
    """
    walk = _walk(tuple(dict.fromkeys(candidates)), hunches)
    try:
        asked, times = next(walk)
        while True:
            seen = [each.outcome for each in tried if each.put_back == asked]
            told = [each for each in seen if each is not Outcome.UNTOLD]
            if len(set(told)) > 1:
                return Inconclusive(reason=Unnamed.FLAKY, about=asked, green=None)
            if len(told) >= times:
                asked, times = walk.send(told[0])
            elif len(seen) - len(told) >= _TRIES:
                asked, times = walk.send(Outcome.UNTOLD)
            else:
                return Try(put_back=asked)
    except StopIteration as stop:
        answer: Found | Inconclusive = stop.value
        return answer


_Question = tuple[PutBack, int]
"""What is put back, and how often it must have been tried."""
_Walk = Generator[_Question, Outcome, Found | Inconclusive]


def _walk(candidates: tuple[str, ...], hunches: Sequence[PutBack]) -> _Walk:
    if not candidates:
        return Inconclusive(reason=Unnamed.NO_CHANGE, about=NOTHING, green=None)
    outcome = yield NOTHING, 1
    if outcome is not Outcome.RED:
        return _unconfirmed(outcome, NOTHING, Unnamed.GREEN_NOW)
    green = frozenset(candidates)
    outcome = yield green, 1
    if outcome is Outcome.OTHERWISE:
        green = yield from _possible(candidates)
        outcome = (yield green, 1) if green else outcome
    if outcome is not Outcome.GREEN:
        return _unconfirmed(outcome, green or frozenset(candidates), Unnamed.RED_BEFORE)
    for hunch in hunches:
        smaller = hunch & green
        if NOTHING < smaller < green and (yield smaller, 1) is Outcome.GREEN:
            green = smaller
    small = yield from _halved(NOTHING, NOTHING, tuple(each for each in candidates if each in green))
    if (yield small, 1) is Outcome.GREEN:
        green = small
    green = yield from _smallest(green, candidates)
    return (yield from _named(green))


def _unconfirmed(outcome: Outcome, about: PutBack, otherwise: Unnamed) -> Inconclusive:
    reason = {Outcome.UNTOLD: Unnamed.UNTOLD, Outcome.OTHERWISE: Unnamed.OTHERWISE}.get(outcome, otherwise)
    return Inconclusive(reason=reason, about=about, green=None)


def _possible(candidates: tuple[str, ...]) -> Generator[_Question, Outcome, PutBack]:
    """Without what keeps the whole from being put back, such as a version that is in no index any more.

    Empty where that isn't found within a few experiments.
    """
    possible, waiting, left = NOTHING, [candidates], _MOST_TO_SAVE
    while waiting:
        items = waiting.pop()
        if left == 0:
            return NOTHING
        left -= 1
        outcome = yield frozenset(items), 1
        if outcome in (Outcome.GREEN, Outcome.RED):
            possible |= frozenset(items)
        elif len(items) > 1:
            middle = (len(items) + 1) // 2
            waiting += [items[middle:], items[:middle]]
    return possible


def _halved(needed: PutBack, beside: PutBack, items: tuple[str, ...]) -> Generator[_Question, Outcome, PutBack]:
    """Those of the items that are needed.

    Args:
        needed: What is known to be needed beside them.
        beside: What is put back meanwhile, though most of it won't be needed.
        items: The likeliest first.
    """
    if len(items) == 1:
        return frozenset(items)
    middle = (len(items) + 1) // 2
    likely, others = items[:middle], items[middle:]
    if (yield needed | beside | frozenset(likely), 1) is Outcome.GREEN:
        return (yield from _halved(needed, beside, likely))
    of_others = yield from _halved(needed, beside | frozenset(likely), others)
    for enough in (needed, needed | beside):
        if (yield enough | of_others, 1) is Outcome.GREEN:
            return of_others
    return of_others | (yield from _halved(needed | of_others, beside, likely))


def _smallest(green: PutBack, candidates: tuple[str, ...]) -> Generator[_Question, Outcome, PutBack]:
    """ddmin: a set of which no part with one missing was seen green."""
    parts = 2
    while len(green) > 1:
        chunks = _chunks([each for each in candidates if each in green], min(parts, len(green)))
        rests = [green - chunk for chunk in chunks] if len(chunks) > 2 else []
        for smaller in (*chunks, *rests):
            if (yield smaller, 1) is Outcome.GREEN:
                parts = 2 if smaller in chunks else max(len(chunks) - 1, 2)
                green = smaller
                break
        else:
            if len(chunks) == len(green):
                break
            parts = 2 * len(chunks)
    return green


def _named(green: PutBack) -> _Walk:
    """Whether the set may be named: less of it is red, and what decides is seen again."""
    for one in sorted(green):
        outcome = yield green - {one}, 1
        if outcome is not Outcome.RED:
            return Inconclusive(reason=Unnamed.ENTANGLED, about=green - {one}, green=green)
    for put_back, expected in ((green, Outcome.GREEN), (NOTHING, Outcome.RED)):
        outcome = yield put_back, _SEEN
        if outcome is Outcome.UNTOLD:
            return Inconclusive(reason=Unnamed.UNTOLD, about=put_back, green=green)
        if outcome is not expected:
            return Inconclusive(reason=Unnamed.FLAKY, about=put_back, green=None)
    return Found(put_back=green)


def _chunks(ordered: Sequence[str], count: int) -> list[PutBack]:
    """Parts of about one size, the likeliest first."""
    size, more = divmod(len(ordered), count)
    ends = [(number + 1) * size + min(number + 1, more) for number in range(count)]
    return [frozenset(ordered[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
