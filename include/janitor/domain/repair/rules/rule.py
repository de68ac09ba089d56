"""What a rule of the gate is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from janitor.domain.repair.diff import FileDiff
from janitor.domain.repair.proposal import ProposedBy

SCHEMA_RECIPE = "documents"
"""The one recipe that may change what a worker is tested by: it brings a file into its documented form."""


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A file that a patch touches, before and after it."""

    diff: FileDiff
    before: str | None
    """None: it wasn't there, or is no text."""
    after: str | None

    @property
    def path(self) -> str:
        """Where it is after the patch."""
        return self.diff.path

    @cached_property
    def new_lines(self) -> tuple[str, ...]:
        """The lines that come and stood nowhere in the file before."""
        known = set((self.before or "").split("\n"))
        return tuple(line for line in self.diff.added if line not in known)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A patch as the rules see it."""

    by: ProposedBy
    name: str
    """Which recipe, or which model."""
    files: tuple[Touched, ...]

    @property
    def is_of_schema_recipe(self) -> bool:
        """Whether it brings documents into their documented form."""
        return self.by is ProposedBy.RECIPE and self.name == SCHEMA_RECIPE


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of thing that no patch may do."""

    name: str
    refuses: str
    """In words, for people."""
    example: str
    """Such a change, as short as it gets."""
    broken: Callable[[Change], str | None]
    """Where and how a patch does it; None if it doesn't."""
