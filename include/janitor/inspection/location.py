"""A place in a repository, for editors and code review."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Location:
    """A place in the repository that a finding speaks of, for editors and code review."""

    path: str
    """Relative to the repository's root."""
    line: int | None
    """From 1; None for the file as a whole."""
    message: str
    is_warning: bool = False
    """Only worth a look: no reason for a fail."""
