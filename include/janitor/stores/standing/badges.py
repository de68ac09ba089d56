"""Which repositories have a badge, and what the last one says, inside a caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from janitor.domain.result.report_diff import Outcome
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class BadgeStanding:
    """What the badge of a repository is made of."""

    organization: str
    repository_name: str
    wanted: bool
    published: str | None
    """What its badge says; None: it has none."""
    outcome: Outcome | None
    since: datetime | None
    last: datetime | None
    flaky: bool


def badge_standings(connection: Connection, deployment: str) -> list[BadgeStanding]:
    """Every repository that has a badge, or is to have one."""
    return [
        BadgeStanding(
            organization=row["organization"],
            repository_name=row["repository_name"],
            wanted=row["wanted"],
            published=row["published"],
            outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
            since=row["since_at"],
            last=row["last_at"],
            flaky=row["flaky"],
        )
        for row in named_queries().badge_standings(connection, deployment=deployment)
    ]


def keep_published(connection: Connection, deployment: str, standing: BadgeStanding, message: str) -> None:
    """Keep what a badge says now."""
    named_queries().keep_published_badge(
        connection,
        deployment=deployment,
        organization=standing.organization,
        repository_name=standing.repository_name,
        message=message,
    )
