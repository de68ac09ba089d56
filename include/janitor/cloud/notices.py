"""Notices: what the killers outside Airflow leave in S3, because they work with Postgres dead.

Key: `janitor-notices/<deployment>/<kind>/<instance id>.json`. The key is what counts; the body adds details.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from janitor.cloud import storage
from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.domain.identity import notice_prefix_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import NoticeKind

log = LineLogger(__name__)

_MOST_READ = 1000
"""New notices that one call reads; the next call reads on."""
_MOST_PAGES = 20
"""Pages of 1,000 keys that one call lists. Source for the page: S3 API, ListObjectsV2, MaxKeys."""
_MOST_BYTES = 16 * 1024
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
_UNSTORABLE = re.compile(r"\\u0000|[\ud800-\udfff]")
"""In a JSON text: Postgres holds neither, and one such notice must not keep the others from being taken."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice."""

    key: str
    """Where it lies; `storage.delete` takes it."""
    kind: NoticeKind
    deployment: str
    instance_id: str
    noticed_at: datetime
    reason: str | None = None
    expires_at: datetime | None = None
    validation_id: UUID | None = None
    run_id: UUID | None = None
    killer: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """The whole body as it was written."""


def list_notices(
    access: CloudAccess, bucket: str, deployment: str, *, known: Collection[str] = (), untaken: list[str] | None = None
) -> list[Notice]:
    """Read a deployment's notices, at most 1,000 in a call; one listing where nothing is new.

    Args:
        known: Keys that were taken before: they are not read again.
        untaken: Told the keys of what lies there and is left out.

    Returns:
        The new ones in the order of their keys. What can't be understood is left out, with a warning.

    Raises:
        CloudError: S3 can't be asked.
    """
    found: list[Notice] = []
    untaken = [] if untaken is None else untaken
    read = 0
    for entry in _entries(access, bucket, notice_prefix_for(deployment)):
        key = entry["Key"]
        if key in known:
            continue
        if read == _MOST_READ:
            log.warning("more than %d new notices in s3://%s; the rest is read next time", _MOST_READ, bucket)
            untaken.append(key)
            break
        read += 1
        notice = _read(access, bucket, deployment, key, entry["Size"], untaken=untaken)
        if notice is not None:
            found.append(notice)
    return found


def spot_warnings(access: CloudAccess, bucket: str, deployment: str) -> frozenset[str]:
    """Ids of the instances that AWS has said it will take back; one listing, nothing is read.

    Raises:
        CloudError: S3 can't be asked.
    """
    prefix = f"{notice_prefix_for(deployment)}{NoticeKind.SPOT_WARNING.value}/"
    named = (_subject(entry["Key"], deployment) for entry in _entries(access, bucket, prefix))
    return frozenset(subject[1] for subject in named if subject)


def _entries(access: CloudAccess, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    try:
        pages = access.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for number, page in enumerate(pages, start=1):
            yield from page.get("Contents", [])
            if number == _MOST_PAGES and page.get("IsTruncated"):
                log.warning("s3://%s/%s holds more than %d pages of notices", bucket, prefix, _MOST_PAGES)
                return
    except CLIENT_ERRORS as exc:
        if error_code(exc) == "NoSuchBucket":
            raise CloudError(f"bucket {bucket} doesn't exist; set JANITOR_BUCKET to one that does") from exc
        raise CloudError(f"ListObjectsV2 s3://{bucket}/{prefix}: {exc}") from exc


def _subject(key: str, deployment: str) -> tuple[NoticeKind, str] | None:
    """Kind and instance of a key, or None where it is no notice's."""
    kind, _, name = key.removeprefix(notice_prefix_for(deployment)).partition("/")
    instance_id = name.removesuffix(".json")
    if instance_id == name or not _INSTANCE_ID.fullmatch(instance_id):
        return None
    try:
        return NoticeKind(kind), instance_id
    except ValueError:
        return None


def _read(
    access: CloudAccess, bucket: str, deployment: str, key: str, size: int, *, untaken: list[str]
) -> Notice | None:
    subject = _subject(key, deployment)
    if subject is None or size > _MOST_BYTES:
        log.warning("s3://%s/%s is no notice (%d bytes); delete it", bucket, key, size)
        untaken.append(key)
        return None
    try:
        content = storage.get(access, bucket, key, at_most_bytes=_MOST_BYTES)
    except storage.TooLargeError as exc:  # it grew since it was listed
        log.warning("%s", exc)
        untaken.append(key)
        return None
    if content is None:  # somebody else took it meanwhile
        return None
    try:
        return _parse(key, subject, deployment, json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as exc:
        log.warning("s3://%s/%s can't be understood: %s; delete it", bucket, key, exc)
        untaken.append(key)
        return None


def _parse(key: str, subject: tuple[NoticeKind, str], deployment: str, body: Mapping[str, Any]) -> Notice:
    kind, instance_id = subject
    if (body["kind"], body["instance_id"], body["deployment"]) != (kind.value, instance_id, deployment):
        raise ValueError("its body is another notice's")
    if _UNSTORABLE.search(json.dumps(body, ensure_ascii=False)):
        raise ValueError("it holds a NUL character or half a surrogate pair")
    noticed_at = _instant(body["noticed_at"])
    if noticed_at is None:
        raise ValueError("it has no noticed_at")
    return Notice(
        key=key,
        kind=kind,
        deployment=deployment,
        instance_id=instance_id,
        noticed_at=noticed_at,
        reason=body.get("reason"),
        expires_at=_instant(body.get("expires_at")),
        validation_id=_uuid(body.get("validation_id")),
        run_id=_uuid(body.get("run_id")),
        killer=body.get("killer"),
        detail=dict(body),
    )


def _uuid(text: Any) -> UUID | None:
    """It comes from an instance's tag, which may hold anything; the notice is true all the same."""
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError):
        return None


def _instant(text: str | None) -> datetime | None:
    """Parse ISO 8601 into UTC, which it is without an offset. Python 3.10 doesn't know a final Z."""
    if text is None:
        return None
    instant = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
