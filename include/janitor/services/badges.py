"""Publishing badges: a picture and shields' document in the bucket, for each repository whose badge changed.

The reaper's task and the end of a run do it, so that a badge that grows old turns grey by itself. Nothing fails by it.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from janitor.cloud.session import CloudAccess
from janitor.cloud.storage import put_public
from janitor.domain.badge import MAX_AGE, Badge, badge_of
from janitor.domain.errors import CloudError, DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.standing import badges as store

log = LineLogger(__name__)

PREFIX = "badges"
WITHIN = timedelta(seconds=20)
"""How long one call goes on; what is left is done by the next."""


def publish_badges(settings: Settings, *, now: datetime | None = None) -> int:
    """Publish every badge that says something else than before; returns how many. Never fails."""
    published, give_up_at = 0, time.monotonic() + WITHIN.total_seconds()
    try:
        with transaction(settings.writer_url) as connection:
            standings = store.badge_standings(connection, settings.deployment)
        for each in standings:
            badge = badge_of(
                each.outcome,
                since=each.since,
                last=each.last,
                flaky=each.flaky,
                wanted=each.wanted,
                now=now or datetime.now(timezone.utc),
            )
            if badge.message == each.published:
                continue
            if time.monotonic() >= give_up_at:
                break
            _publish(settings, f"{PREFIX}/{each.organization}/{each.repository_name}", badge)
            with transaction(settings.writer_url) as connection:
                store.keep_published(connection, settings.deployment, each, badge.message)
            published += 1
    except (CloudError, DatabaseError) as exc:
        log.warning("badges wait for the next pass: %s", exc)
    except Exception as exc:
        log.error("badges wait for the next pass: %s", type(exc).__name__)
    return published


def _publish(settings: Settings, key: str, badge: Badge) -> None:
    access, seconds = CloudAccess.of(settings), int(MAX_AGE.total_seconds())
    for name, content_type, text in (
        (f"{key}.svg", "image/svg+xml; charset=utf-8", badge.svg()),
        (f"{key}.json", "application/json", badge.endpoint()),
    ):
        put_public(
            access, settings.bucket, name, text.encode(), content_type=content_type, cache=f"public, max-age={seconds}"
        )
