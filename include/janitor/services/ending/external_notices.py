"""Taking the word that the killers outside Airflow left in S3 into the database."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from janitor.cloud import notices, storage
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.states import NoticeKind, ReaperAction
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import reaping as store
from janitor.stores.database import transaction

_REMEMBERED = timedelta(days=7)
"""A notice that S3 still holds after this is read again, which changes nothing, and deleted again."""


def take_notices(settings: Settings, *, dry_run: bool = False, untaken: list[str] | None = None) -> list[str]:
    """Keep every new notice in the database, then delete from S3 what nobody needs there any more.

    A spot warning stays in S3 while its instance lives: whoever waits for the instance looks there.

    Args:
        settings: Of the deployment.
        dry_run: Whether to look alone.
        untaken: Told the keys of what lies there and can't be taken.

    Returns:
        Storage keys of the notices that are new.

    Raises:
        CloudError: S3 or EC2 can't be asked; what was read is kept.
        DatabaseError: Postgres can't be used.
    """
    access, deployment = CloudAccess.of(settings), settings.deployment
    since = datetime.now(timezone.utc) - _REMEMBERED
    with transaction(settings.writer_url) as connection:
        known = store.notice_keys_since(connection, deployment, since)
        warnings = store.recent_spot_warnings(connection, deployment, since)
    found = notices.list_notices(access, settings.bucket, deployment, known=known, untaken=untaken)
    if dry_run:
        return [notice.key for notice in found]
    with transaction(settings.writer_url) as connection:
        for notice in found:
            is_new = store.insert_notice(
                connection,
                storage_key=notice.key,
                deployment=deployment,
                kind=notice.kind,
                instance_id=notice.instance_id,
                noticed_at=notice.noticed_at,
                detail=notice.detail,
            )
            if is_new:
                store.add_event(
                    connection,
                    deployment,
                    ReaperAction.NOTICE_TAKEN,
                    instance_id=notice.instance_id,
                    subject=notice.key,
                    detail=notice.kind.value,
                )
    for notice in found:
        if notice.kind is NoticeKind.TERMINATED:
            storage.delete(access, settings.bucket, notice.key)
    if warnings:
        _forget_warnings(settings, warnings)
    return [notice.key for notice in found]


def _forget_warnings(settings: Settings, warnings: dict[str, str]) -> None:
    """Delete the spot warnings of instances that are gone."""
    access = CloudAccess.of(settings)
    present = notices.spot_warnings(access, settings.bucket, settings.deployment) & set(warnings.values())
    if not present:
        return
    alive = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment)
    gone = present - {one.instance_id for one in alive}
    for key, instance_id in warnings.items():
        if instance_id in gone:
            storage.delete(access, settings.bucket, key)
