"""Of which failures nobody is told, though they are new: those that somebody has acknowledged."""

from __future__ import annotations

from janitor.stores.database import Connection
from janitor.stores.records import ValidationRecord


def is_acknowledged(connection: Connection, validation: ValidationRecord) -> bool:
    """Whether somebody has said that a repository's failure is known, for as long as that holds."""
    return False
