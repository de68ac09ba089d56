"""What is wrong with a configuration file, said so that its author can act on it.

Invariant: a problem names file, line, repository and field, and never repeats a value that could be a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_COMPARED = 64
"""Longer names are no typing error of a known one, and comparing them would only cost time."""


@dataclass(frozen=True, kw_only=True)
class ConfigProblem:
    """One thing to correct in a configuration file."""

    source: str
    """The file as the user named it."""
    line: int | None
    """Line from 1; None where the problem belongs to the file as a whole."""
    column: int | None = None
    """Column from 1."""
    repository: str | None = None
    """Name of the repository, or `#3` for the third one where the name itself is missing or bad."""
    field: str | None = None
    """The key within the repository, or the global key."""
    message: str
    hint: str | None = None
    """The next step, for example `did you mean gpu_required?`."""

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        parts = [place]
        if self.repository is not None:
            parts.append(f"repository {self.repository}")
        if self.field is not None:
            parts.append(self.field)
        parts.append(self.message)
        text = ": ".join(parts)
        return f"{text} ({self.hint})" if self.hint else text


def in_file_order(problems: Iterable[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    """The problems from the top of the file to its end."""
    return tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None when nothing is near."""
    if len(name) > _LONGEST_COMPARED:
        return None
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold().replace("-", "_"), by_folded, n=1)
    matches = matches or difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None
