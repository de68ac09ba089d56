"""What an examination found: one line each, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FindingLevel(str, Enum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # works all the same; worth knowing
    UNKNOWN = "unknown"  # it could not be told
    PROBLEM = "problem"  # something is missing, or won't work


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: FindingLevel
    subject: str
    message: str
    next_step: str | None = None
    """What to do about it; None where there is nothing to do."""

    def to_dict(self) -> dict[str, str | None]:
        """Return plain values for JSON."""
        return {
            "level": self.level.value,
            "subject": self.subject,
            "message": self.message,
            "next_step": self.next_step,
        }


def ok(subject: str, message: str) -> Finding:
    """It is there and works."""
    return Finding(FindingLevel.OK, subject, message)


def note(subject: str, message: str, next_step: str | None = None) -> Finding:
    """It works all the same."""
    return Finding(FindingLevel.NOTE, subject, message, next_step)


def unknown(subject: str, message: str, next_step: str) -> Finding:
    """It could not be told."""
    return Finding(FindingLevel.UNKNOWN, subject, message, next_step)


def problem(subject: str, message: str, next_step: str) -> Finding:
    """It is missing, or won't work."""
    return Finding(FindingLevel.PROBLEM, subject, message, next_step)
