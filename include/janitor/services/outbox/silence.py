"""Of which failures nobody is told, though they are new: those that somebody has acknowledged, while that holds."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from janitor.domain.result.report_diff import Difference
from janitor.stores.database import Connection
from janitor.stores.records import ValidationRecord
from janitor.stores.standing import acknowledgements


class Known(str, Enum):
    """What somebody has said of a failure."""

    NOTHING = "nothing"
    HOLDS = "holds"  # it is known; nobody is told
    OVER = "over"  # it was known, and comes back


def was_acknowledged_since(
    connection: Connection, validation: ValidationRecord, cause_key: str, since: datetime
) -> bool:
    """Whether somebody acknowledged a repository's cause after it was told.

    Args:
        connection: Of the transaction that writes the failure.
        validation: The repository's.
        cause_key: That was told.
        since: When.
    """
    said = acknowledgements.acknowledgements_of(connection, validation.deployment, [cause_key]).get(cause_key, [])
    repository = f"{validation.organization}/{validation.repository_name}"
    return any(each.repository in (None, repository) and each.made_at > since for each in said)


def what_is_known(
    connection: Connection,
    validation: ValidationRecord,
    difference: Difference,
    *,
    cause_key: str,
    commit_sha: str | None,
    now: datetime,
) -> Known:
    """Whether a repository's failure is acknowledged.

    Args:
        connection: Of the transaction that writes the failure.
        validation: The one that failed.
        difference: That it makes.
        cause_key: Of the failure, as acknowledgements name it.
        commit_sha: That it fails at.
        now: When.
    """
    said = acknowledgements.acknowledgements_of(connection, validation.deployment, [cause_key]).get(cause_key, [])
    repository = f"{validation.organization}/{validation.repository_name}"
    broke = difference.cause_since or difference.since
    broke_at = broke.at if broke is not None else None
    if any(each.holds(cause_key, repository, broke_at=broke_at, commit_sha=commit_sha, now=now) for each in said):
        return Known.HOLDS
    return Known.OVER if any(each.repository in (None, repository) for each in said) else Known.NOTHING
