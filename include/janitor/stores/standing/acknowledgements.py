"""The rows of acknowledgements, inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from janitor.domain.evidence.acknowledgement import AcknowledgedUntil, Acknowledgement
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


def acknowledgements_of(
    connection: Connection, deployment: str, cause_keys: Sequence[str]
) -> dict[str, list[Acknowledgement]]:
    """By cause, those that nobody has taken back, the newest first; whether one still holds is for it to say."""
    found: dict[str, list[Acknowledgement]] = {}
    rows = named_queries().acknowledgements_of(connection, deployment=deployment, cause_keys=list(cause_keys))
    for row in rows:
        found.setdefault(row["cause_key"], []).append(
            Acknowledgement(
                acknowledgement_id=row["acknowledgement_id"],
                cause_key=row["cause_key"],
                repository=row["repository"],
                reason=row["reason"],
                made_by=row["made_by"],
                made_at=row["made_at"],
                until=AcknowledgedUntil(row["until"]),
                until_at=row["until_at"],
                commit_sha=row["commit_sha"],
            )
        )
    return found


def insert(
    connection: Connection,
    deployment: str,
    cause_key: str,
    *,
    repository: str | None,
    reason: str,
    made_by: str,
    until: AcknowledgedUntil,
    until_at: datetime | None,
    commit_sha: str | None,
) -> None:
    """Write one; see `Acknowledgement`."""
    named_queries().insert_acknowledgement(
        connection,
        deployment=deployment,
        cause_key=cause_key,
        repository=repository,
        reason=reason,
        made_by=made_by,
        until=until.value,
        until_at=until_at,
        commit_sha=commit_sha,
    )


def end(connection: Connection, deployment: str, cause_key: str, ended_by: str) -> int:
    """Take back whatever is said of a cause; returns of how many."""
    count: int = named_queries().end_acknowledgements(
        connection, deployment=deployment, cause_key=cause_key, ended_by=ended_by
    )
    return count
