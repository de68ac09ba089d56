"""Acknowledging a cause, and taking that back: the one thing that faces write.

One short transaction of the role that writes. Only a cause of the last run can be acknowledged: what is silent must
have been seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.evidence.acknowledgement import LONGEST, LONGEST_REASON, AcknowledgedUntil
from janitor.domain.evidence.cause import BrokenRepository, Cause
from janitor.protocol.text.plain_text import one_line
from janitor.services.evidence.causes import read_causes
from janitor.services.snapshot.take import PATIENCE
from janitor.settings import Settings
from janitor.stores.database import Connection, transaction
from janitor.stores.standing import acknowledgements as store
from janitor.stores.standing import snapshot

_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody says of a cause."""

    cause_key: str
    repository: str | None = None
    """`organization/name`: of this one alone; None: of each that has the cause."""
    reason: str
    until: AcknowledgedUntil
    until_at: datetime | None = None
    """Of a date."""


def acknowledge(settings: Settings, wanted: Wanted, by: str) -> None:
    """Make a cause silent until its end.

    Args:
        settings: Of the deployment.
        wanted: What is said.
        by: Who says it.

    Raises:
        ConflictError: Something of it can't be; the message says what.
        NotFoundError: The last run has no such cause, or the cause no such repository.
        DatabaseError: Postgres can't be used.
    """
    now = datetime.now(timezone.utc)
    reason = one_line(wanted.reason)
    _check(wanted, reason, now)
    with transaction(settings.writer_url, within=PATIENCE) as connection:
        cause = _cause_of_last_run(connection, settings, wanted.cause_key, now)
        for repository, commit_sha in _rows(wanted, cause):
            store.insert(
                connection,
                settings.deployment,
                cause.key,
                repository=repository,
                reason=reason,
                made_by=_name(by),
                until=wanted.until,
                until_at=wanted.until_at,
                commit_sha=commit_sha,
            )


def take_back(settings: Settings, cause_key: str, by: str) -> None:
    """Let a cause be heard again.

    Raises:
        NotFoundError: Nobody has acknowledged it.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url, within=PATIENCE) as connection:
        if not store.end(connection, settings.deployment, cause_key, _name(by)):
            raise NotFoundError("this cause isn't acknowledged")


def _check(wanted: Wanted, reason: str, now: datetime) -> None:
    if not reason:
        raise ConflictError("a reason is needed: whoever looks next has nothing else to go by")
    if len(reason) > LONGEST_REASON:
        raise ConflictError(f"the reason has {len(reason)} characters; {LONGEST_REASON} are allowed")
    if (wanted.until is AcknowledgedUntil.DATE) != (wanted.until_at is not None):
        raise ConflictError("a date is needed for `date`, and for nothing else")
    if wanted.until_at is not None and not timedelta() < wanted.until_at - now <= LONGEST:
        raise ConflictError(f"the date must lie ahead, by at most {LONGEST.days} days")


def _cause_of_last_run(connection: Connection, settings: Settings, key: str, now: datetime) -> Cause:
    run = snapshot.last_run(connection, settings.deployment)
    cause = None if run is None else read_causes(connection, settings.deployment, run.run_id, now).find(key)
    if cause is None:
        raise NotFoundError("the last run has no such cause any more; look at the page again")
    return cause


def _rows(wanted: Wanted, cause: Cause) -> list[tuple[str | None, str | None]]:
    """Repository and commit of each row: a new commit is one repository's own."""
    chosen = [each for each in cause.repositories if wanted.repository in (None, each.repository)]
    if not chosen:
        raise NotFoundError(f"{wanted.repository} doesn't fail by this cause")
    if wanted.until is AcknowledgedUntil.NEW_COMMIT:
        return [(each.repository, _commit(each)) for each in chosen]
    return [(wanted.repository, None)]


def _commit(one: BrokenRepository) -> str:
    if one.commit_sha is None:
        raise ConflictError(f"the commit of {one.repository} isn't known, so that a new one can't be told from it")
    return one.commit_sha


def _name(by: str) -> str:
    return one_line(by, limit=_LONGEST_NAME) or "somebody"
