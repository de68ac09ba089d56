"""Of which failures nobody is told, though they are new: those that somebody has acknowledged, while that holds."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from janitor.domain.evidence.acknowledgement import Acknowledgement
from janitor.domain.result.report_diff import Difference
from janitor.stores.database import Connection
from janitor.stores.records import ValidationRecord
from janitor.stores.standing import acknowledgements


class Known(str, Enum):
    """What somebody has said of a failure."""

    NOTHING = "nothing"
    HOLDS = "holds"  # it is known; nobody is told
    OVER = "over"  # it was known, and comes back


def was_acknowledged_since(connection: Connection, validation: ValidationRecord, key: str, since: datetime) -> bool:
    """Whether somebody acknowledged a repository's cause after it was told.

    Args:
        connection: Of the transaction that writes the failure.
        validation: The repository's.
        key: Of the cause that was told.
        since: When.
    """
    return any(each.made_at > since for each in _said_of(connection, validation, key))


def what_is_known(
    connection: Connection,
    validation: ValidationRecord,
    difference: Difference,
    *,
    key: str,
    commit_sha: str | None,
    now: datetime,
) -> Known:
    """Whether a repository's failure is acknowledged.

    Args:
        connection: Of the transaction that writes the failure.
        validation: The one that failed.
        difference: That it makes.
        key: Of the failure's cause, as acknowledgements name it.
        commit_sha: That it fails at.
        now: When.
    """
    said = _said_of(connection, validation, key)
    broke = difference.cause_since or difference.since
    broke_at = broke.at if broke is not None else None
    if any(each.holds(key, validation.repository, broke_at=broke_at, commit_sha=commit_sha, now=now) for each in said):
        return Known.HOLDS
    return Known.OVER if said else Known.NOTHING


def _said_of(connection: Connection, validation: ValidationRecord, key: str) -> list[Acknowledgement]:
    """Acknowledgements of a cause that are this repository's too."""
    said = acknowledgements.acknowledgements_of(connection, validation.deployment, [key]).get(key, [])
    return [each for each in said if each.repository in (None, validation.repository)]
