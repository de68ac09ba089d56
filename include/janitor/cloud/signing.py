"""Which credentials sign a presigned address: it ends with them, whatever lifetime it states itself.

Credentials of a role last six hours at most, one where a role was assumed from another, and botocore renews them only
when a quarter of an hour is left. So where an address is wanted for longer than the credentials at hand last, the chain
is asked anew, as a process that starts now would ask it. If even those end too soon, that is said, and whoever hands
out the address has a second chance to plan for.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, client_of, process_credentials
from janitor.domain.log_lines import LineLogger

_ASK_AGAIN_AFTER = timedelta(minutes=5)
"""Before the chain is asked anew once more: a metadata service hands out the same credentials until they are old."""
_SHORTEST_SESSION = timedelta(minutes=15)
"""Of temporary credentials. Source: STS API, AssumeRole, DurationSeconds."""

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Signer:
    """An S3 client, and the credentials that it signs with."""

    client: Any
    credentials: Any

    def is_vague(self) -> bool:
        """Whether they end, and nobody says when: a session's token in the environment, as CI jobs have it."""
        return self.left() == timedelta.max and bool(self.credentials and self.credentials.token)

    def left(self) -> timedelta:
        """How long they last from now; the longest time where they have no end, or nobody knows it."""
        if self.credentials is None:
            return timedelta.max  # signing says so itself
        self.credentials.get_frozen_credentials()  # some have no end until they are first used
        # botocore has no public name for it. Static credentials lack it: a user's keys, or a token without its end.
        ends_at: datetime | None = getattr(self.credentials, "_expiry_time", None)
        return timedelta.max if ends_at is None else ends_at - datetime.now(timezone.utc)


_lock = threading.Lock()
_renewed: dict[CloudAccess, tuple[float, _Signer | None]] = {}
"""By access: when the chain was asked anew, and what it gave."""


def signing_client(access: CloudAccess, valid_for: timedelta, subject: str) -> Any:
    """An S3 client whose signature lasts as long as can be had, up to `valid_for`.

    Args:
        access: To the cloud; with keys of its own nothing is looked for, they have no end.
        valid_for: How long the address is wanted.
        subject: What the address is of, for the log.

    Raises:
        BotoCoreError: The credentials can't be had.
    """
    if access.access_key_id is not None:
        return access.client("s3")
    signer = _Signer(client=access.client("s3"), credentials=process_credentials())
    left = signer.left()
    if left < valid_for and (renewed := _renew(access, valid_for)) is not None and renewed.left() > left:
        signer, left = renewed, renewed.left()
    wanted = valid_for.total_seconds() // 60
    if left < valid_for:
        log.warning(
            "the address of %s is wanted for %d min and lasts %d: it ends with the credentials that sign it;"
            ' see runbook "Report not in storage"',
            subject,
            wanted,
            max(left.total_seconds(), 0) // 60,
        )
    elif valid_for > _SHORTEST_SESSION and signer.is_vague():
        log.warning(
            "the address of %s is wanted for %d min and may end before: the credentials that sign it are temporary and"
            ' don\'t say for how long (AWS_CREDENTIAL_EXPIRATION); see runbook "Report not in storage"',
            subject,
            wanted,
        )
    return signer.client


def _renew(access: CloudAccess, valid_for: timedelta) -> _Signer | None:
    """The signer of a session that asks the whole chain anew; None where it can't be asked."""
    with _lock:
        asked_at, signer = _renewed.get(access, (None, None))
        if signer is not None and signer.left() >= valid_for:
            return signer
        if asked_at is not None and time.monotonic() - asked_at < _ASK_AGAIN_AFTER.total_seconds():
            return signer
        try:
            # A session of its own: botocore's keeps what it has assumed until it is nearly over.
            session = boto3.session.Session()
            signer = _Signer(client=client_of(session, access, "s3"), credentials=session.get_credentials())
            signer.left()
        except CLIENT_ERRORS as exc:
            log.warning("the credentials of this process can't be renewed now: %s", exc)
            signer = None
        _renewed[access] = (time.monotonic(), signer)
        return signer
