"""ERROR lines of a run's log: which of them nobody expects.

The lines are a stranger's, and the patterns are matched against each of them: RE2 takes time in proportion to the line
alone, whatever the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from janitor.protocol.progress import is_of_validator, is_provocation, read_progress
from janitor.protocol.text.plain_text import one_line

QUOTED = 5
"""How many lines are quoted."""
FOUND = "unexpected ERROR line"
UNSEARCHED = "the log could not be searched whole"
"""How the reason of a run's end says what it was told of the log; whoever shows the reason finds them again."""
_LONGEST_LINE = 2_000
"""Characters of a line that are looked at: an agent's lines end there, too."""
_LONGEST_QUOTE = 200
_ERROR = re.compile(r"(?<![0-9A-Za-z_])ERROR(?![0-9A-Za-z_])")
"""The level as programs write it; `error` within a sentence is none."""


@dataclass(frozen=True, kw_only=True)
class UnexpectedErrors:
    """What a log has."""

    count: int
    quoted: tuple[str, ...]
    """The first of them, each with whose log it is in."""
    unsearched: tuple[str, ...] = ()
    """What of the log could not be searched, each with whose it is: there, any number may be."""

    @property
    def known_count(self) -> int | None:
        """How many there are, at least; None where none was found and not everything was searched."""
        return None if self.unsearched and not self.count else self.count


def check_pattern(pattern: str) -> str:
    """Accept a pattern of RE2.

    Raises:
        ValueError: It is none; the message says why.
    """
    _compiled(pattern)
    return pattern


def unexpected_errors(lines: Iterable[tuple[str, str]], expected: Sequence[str]) -> UnexpectedErrors:
    """Find the ERROR lines that no pattern expects, and that the validator hasn't provoked itself.

    The validator's own words don't count: where they have an ERROR, they quote one that was there before.

    Args:
        lines: (whose log, line), in their order.
        expected: Patterns that were accepted by `check_pattern`; one counts where it matches anywhere in a line.
    """
    searches = [_compiled(pattern) for pattern in expected]
    quoted: list[str] = []
    count = 0
    for whose, line in _unprovoked(lines):
        seen = line[:_LONGEST_LINE]
        if _ERROR.search(seen) is None or is_of_validator(seen) or any(search(seen) is not None for search in searches):
            continue
        count += 1
        if len(quoted) < QUOTED:
            quoted.append(f"{whose}: {one_line(seen, limit=_LONGEST_QUOTE)}")
    return UnexpectedErrors(count=count, quoted=tuple(quoted))


def _unprovoked(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Without what a worker logs of bad input that it was asked with. Its own lines are indented: none can say so."""
    provoked: str | None = None
    for whose, line in lines:
        if is_provocation(line):
            provoked = whose
        elif whose != provoked or read_progress(line) is not None:
            provoked = None
        if provoked is None:
            yield whose, line


def _compiled(pattern: str) -> Callable[[str], object]:
    # Here, because most commands read no such pattern.
    import re2  # noqa: PLC0415  # loaded where it is needed alone

    options = re2.Options()
    options.log_errors = False
    try:
        search: Callable[[str], object] = re2.compile(pattern, options).search
    except re2.error as exc:
        raise ValueError(f"is no pattern of RE2: {_said(exc)}") from exc
    return search


def _said(error: Exception) -> str:
    """Its message comes as bytes."""
    word = error.args[0] if error.args else ""
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)
