"""No regular expression that meets a repository's text takes long, whatever that text is.

The expressions are collected from the modules, the texts are made from the expressions. What is counted is CPU time.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from tests.support.collected_patterns import Used, collected, unresolved
from tests.support.pattern_seeds import seeds, text_of

LENGTH = 100_000
MOST_SECONDS = 0.2
_SHORT = 12_000
_SURELY_FAST = 0.0005
"""What takes less for the short text is below the limit for the long one, even where time grows with the square."""
_TRIES = 3

BOUNDS: dict[str, tuple[int, str]] = {
    "janitor.diagnosis.rules.worker._SECRET_MISSING": (12_000, "`host_condition` looks at LONGEST_TEXT characters"),
    "janitor.diagnosis.rules.worker._PLATFORM": (12_000, "`host_condition` looks at LONGEST_TEXT characters"),
    "janitor.protocol.text.plain_lines._patterns": (4_000, "`normalised` looks at LONGEST_INPUT characters"),
}
"""Of expressions, by the beginning of their place: longest text that they are given, and who sees to that."""

ANCHORED: dict[str, str] = {
    "janitor.inspection.dockerfile.lexer._FLAG": "matched where the flag before it ended, until it doesn't match",
    "janitor.inspection.install.install._BRINGERS": "`fullmatch` on a command's first word",
    "janitor.inspection.install.install._PYTHON": "`fullmatch` on a command's first word, also among _BRINGERS",
}
"""Used with `match` or `fullmatch` on one word only, although the code doesn't show it to whoever collects."""

COMPOSED: dict[str, str] = {
    "janitor.inspection.dockerfile.lexer: f'(?<!{re.escape(escape)}){re.escape(escape)}[ \\\\t]*$'": "one line each",
    "janitor.protocol.text.signature: f'(?<!\\\\\\\\){re.escape(escape)}\"'": "a literal behind a look-behind",
    "janitor.inspection.dockerfile.patterns: ''.join(self._tokens)": "at most two wildcards, paths of usual length",
    "janitor.inspection.dockerfile.patterns: token": "one token, matched at one place",
    "janitor.inspection.dockerfile.patterns: re.escape(pattern)": "a literal",
    "janitor.validator.docker.client: pattern": "the rules of the module, which are collected",
    "janitor.diagnosis.rules.rule: words": "the rules of the tables, which are collected",
    "janitor.diagnosis.rules.git: pattern": "the rules of the table, which are collected",
    "janitor.diagnosis.handler.machine_messages: f\"(?:{'|'.join(messages)})[.!]?\"": "lists that are collected",
    "janitor.diagnosis.handler.raised_place: f'(?<![\\\\w.]){re.escape(kind)}(?!\\\\w)'": "one name, in a reason",
    "janitor.diagnosis.host_conditions: worker.says_missing(f'\\\\b{re.escape(name)}\\\\b')": "one name",
    "janitor.protocol.values: bounds.pattern": "fullmatch on a field of bounded length, where the pattern stands",
    "janitor.protocol.values: bounds.key_pattern": "fullmatch on keys of bounded length",
    "janitor.protocol.text.plain_lines: package": "a repository's own name, on LONGEST_INPUT characters",
    "janitor.protocol.text.plain_lines: f'(?i)(?<![\\\\w./-]){bare}(?![\\\\w/-])'": "on LONGEST_INPUT characters",
    "janitor.protocol.text.plain_lines: full": "a repository's own name, on LONGEST_INPUT characters",
    "janitor.protocol.text.plain_lines: f'\\\\.(?:{_EXTENSIONS})$'": "a list of endings",
    "janitor.services.repair.publish.remotes: f'^([0-9a-f]{{40,64}})\\\\trefs/heads/{re.escape(branch)}$'": "one line",
    "janitor.services.repair.recipes.base_tag: whole": "a literal",
    "janitor.services.repair.recipes.base_tag: argument": "one ARG line each",
    "janitor.services.repair.recipes.dockerfile_text: pattern": "a literal with what may stand around it",
    "janitor.services.repair.recipes.relax: pattern": "one name, in a reason",
    "janitor.services.repair.recipes.requirement_text: pattern": "a name and its version",
    "janitor.services.repair.recipes.requirement_text: word": "a name and its version",
}
"""Expressions that are put together within a function: why none of them is slow."""

PATTERNS = collected()


class TooSlowError(BaseException):
    """Raised by the timer; no Exception, so that nothing on the way takes it for its own."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End what takes more CPU time than that: a search can't be ended otherwise."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def seconds_for(used: Used, text: str, *, limit: float) -> float:
    """CPU time of one use; `limit` where it took longer."""
    started = time.process_time()
    try:
        with limited(limit):
            _use(used, text)
    except TooSlowError:
        return limit
    return time.process_time() - started


def _use(used: Used, text: str) -> None:
    is_anchored = any(used.place.startswith(each) for each in ANCHORED)
    if is_anchored or (used.calls and used.calls <= {"match", "fullmatch"}):
        if is_anchored or "match" in used.calls:
            used.pattern.match(text)
        if is_anchored or "fullmatch" in used.calls:
            used.pattern.fullmatch(text)
        return
    for _ in used.pattern.finditer(text):
        pass


def slowest(used: Used) -> tuple[float, tuple[str, str, str] | None]:
    """CPU seconds and the text that took most; the best of a few tries, for a busy machine delays some."""
    length = next((bound for place, (bound, _) in BOUNDS.items() if used.place.startswith(place)), LENGTH)
    worst: tuple[float, tuple[str, str, str] | None] = (0.0, None)
    for seed in seeds(used.pattern):
        if seconds_for(used, text_of(seed, min(length, _SHORT)), limit=MOST_SECONDS) < _SURELY_FAST:
            continue
        text, took = text_of(seed, length), MOST_SECONDS * 2
        for _ in range(_TRIES):
            took = min(took, seconds_for(used, text, limit=MOST_SECONDS * 2))
            if took <= MOST_SECONDS:
                break
        worst = max(worst, (took, seed), key=lambda each: each[0])
        if took > MOST_SECONDS:
            break
    return worst


@pytest.mark.parametrize("place", sorted(PATTERNS))
def test_pattern_takes_no_time_on_any_text(place: str) -> None:
    took, seed = slowest(PATTERNS[place])
    assert took <= MOST_SECONDS, f"{PATTERNS[place].pattern.pattern!r} takes {took:.2f} s on {seed!r} repeated"


def test_slow_pattern_is_noticed() -> None:
    for slow in (r"(?:a|a)*b", r"x.*y", r"^\s*import", r"\s+$", r"(\w+)=\"", r"\"(?:[^\"\\]|\\.)*\""):
        took, _ = slowest(Used("slow", re.compile(slow, re.MULTILINE), frozenset({"search"})))
        assert took > MOST_SECONDS, slow


def test_all_patterns_are_collected() -> None:
    assert len(PATTERNS) > 400
    places = {each.rpartition(".")[0] for each in PATTERNS}
    for module in ("janitor.diagnosis.host_conditions", "janitor.protocol.text.plain_lines", "janitor.guest.redaction"):
        assert module in places


def test_patterns_put_together_within_functions_are_known() -> None:
    assert set(unresolved()) - set(COMPOSED) == set(), "say in COMPOSED why none of them is slow"


@pytest.mark.parametrize("place", [*BOUNDS, *ANCHORED])
def test_exceptions_are_of_patterns_that_are_there(place: str) -> None:
    assert any(each.startswith(place) for each in PATTERNS)
