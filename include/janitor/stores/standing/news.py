"""Reading and writing `news`, its repositories and its deliveries, inside a caller's transaction.

Invariant: what is said of one thing is one open row, whoever writes it and however often; the database holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.config.notifications import NotificationEvent
from janitor.domain.news.message import Channel, DeliveryKind, Message
from janitor.domain.news.routes import Route, Routes
from janitor.domain.snapshot.snapshot import DeadChannel
from janitor.stores.database import Connection, transaction
from janitor.stores.queries import named_queries
from janitor.stores.records import ValidationRecord


@dataclass(frozen=True, kw_only=True)
class NewsRepository:
    """A repository of a piece of news."""

    repository: str
    validation_id: UUID
    signature: str | None
    title: str
    comes_back: bool
    """It was told before, and is news again: it was acknowledged and is no longer, or fails by another cause."""
    joined_told: bool
    joined_run_over: bool
    left: bool
    left_told: bool
    left_run_over: bool
    url: str
    log_stream: str | None
    first_bad: str | None
    """Commit of the first validation that failed."""
    first_bad_at: datetime | None
    last_good: str | None
    last_good_at: datetime | None
    fixed_by: str | None
    cost_usd: Decimal | None
    """Of all its validations since it broke."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A repository that is broken, in the open news that tells of it."""

    news_id: int
    validation_id: UUID
    """The one that broke it."""
    signature: str | None
    title: str
    joined_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewsRow:
    """A piece of news of which something is to be told."""

    news_id: int
    event: NotificationEvent
    dedupe_key: str
    run_id: UUID | None
    routes: Routes
    facts: Mapping[str, Any]
    is_released: bool
    is_over: bool
    repositories: Sequence[NewsRepository]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message on its way."""

    delivery_id: int
    news_id: int
    thing: str
    """What the news is about; the same when it comes back."""
    kind: DeliveryKind
    route: Route
    message: Message
    created_at: datetime
    attempts: int
    thread_ref: str | None
    """What the channel calls the first message of the same news."""
    last_error: str | None = None
    is_given_up: bool = False


def open_news(
    connection: Connection,
    deployment: str,
    event: NotificationEvent,
    dedupe_key: str,
    *,
    run_id: UUID | None = None,
    routes: Routes | None = None,
    facts: Mapping[str, Any] | None = None,
) -> int:
    """Write that something is the case; where that stands already it is seen once more. Returns the news' id.

    Args:
        connection: Of the transaction that writes what is told.
        deployment: Whose.
        event: What it is.
        dedupe_key: The thing that it is about.
        run_id: The run at whose end it is told; None: at once.
        routes: Who is told; None: who is told of that run, or of the last one.
        facts: For its message.
    """
    news_id: int = named_queries().open_news(
        connection,
        deployment=deployment,
        event=event.value,
        dedupe_key=dedupe_key,
        run_id=run_id,
        routes=None if routes is None else Jsonb(routes.to_dict()),
        facts=Jsonb(dict(facts or {})),
    )
    return news_id


def end_news(connection: Connection, deployment: str, event: NotificationEvent, dedupe_key: str) -> None:
    """Write that it isn't the case any more; nothing where it wasn't."""
    named_queries().end_news(connection, deployment=deployment, event=event.value, dedupe_key=dedupe_key)


def standing_of(connection: Connection, validation: ValidationRecord) -> Standing | None:
    """How a repository stands as broken in an open piece of news."""
    row = named_queries().standing_news_of(connection, **_repository(validation))
    return None if row is None else Standing(**row)


def tell_again(connection: Connection, standing: Standing, run_id: UUID) -> None:
    """Let a repository be told once more, at the end of a run."""
    named_queries().tell_again(
        connection, news_id=standing.news_id, validation_id=standing.validation_id, run_id=run_id
    )


def join(
    connection: Connection, news_id: int, validation: ValidationRecord, *, signature: str | None, title: str
) -> None:
    """Add the repository that a validation broke."""
    named_queries().join_news(
        connection,
        news_id=news_id,
        validation_id=validation.validation_id,
        run_id=validation.run_id,
        signature=signature,
        title=title,
        **_repository(validation),
    )


def join_as_fixed(connection: Connection, news_id: int, validation: ValidationRecord, *, title: str) -> None:
    """Add a repository of which no news told that it was broken."""
    named_queries().join_as_fixed(
        connection,
        news_id=news_id,
        validation_id=validation.validation_id,
        run_id=validation.run_id,
        title=title,
        **_repository(validation),
    )


def leave(connection: Connection, validation: ValidationRecord) -> bool:
    """Take a repository that passes out of the news that it is broken; whether it was in one."""
    left = named_queries().leave_news(
        connection,
        validation_id=validation.validation_id,
        run_id=validation.run_id,
        **_repository(validation),
    )
    return bool(left)


def name_cause(connection: Connection, news_id: int, broken_by: UUID, *, signature: str | None, title: str) -> None:
    """Keep for what cause a repository fails by now."""
    named_queries().name_cause(connection, news_id=news_id, validation_id=broken_by, signature=signature, title=title)


def hand_over(connection: Connection, news_id: int, validation: ValidationRecord) -> None:
    """Let a validation's run tell of news that nobody was told of; nothing where somebody was."""
    named_queries().hand_over_news(connection, news_id=news_id, run_id=validation.run_id)


def inconclusive_in_a_row(connection: Connection, validation: ValidationRecord, count: int) -> int:
    """How many of a repository's last `count` validations say nothing of it."""
    times: int = named_queries().inconclusive_in_a_row(connection, count=count, **_repository(validation))
    return times


def last_run_began(connection: Connection, deployment: str) -> datetime | None:
    """When the last run of a deployment began; None: there was none."""
    began: datetime | None = named_queries().last_run_began(connection, deployment=deployment)
    return began


def lock_news(connection: Connection, deployment: str) -> None:
    """One at a time writes messages, until the transaction ends."""
    list(named_queries().lock_news(connection, deployment=deployment))


def news_to_tell(connection: Connection, deployment: str) -> list[NewsRow]:
    """What something is to be told of now, the oldest first; each is held until the transaction ends."""
    queries = named_queries()
    queries.end_news_by_itself(connection, deployment=deployment)
    rows = list(queries.news_to_tell(connection, deployment=deployment))
    repositories: dict[int, list[NewsRepository]] = {row["news_id"]: [] for row in rows}
    if rows:
        # After the lock, so that what joined meanwhile is among them.
        for each in queries.repositories_of_news(connection, news_ids=list(repositories)):
            repositories[each["news_id"]].append(_news_repository(each))
    return [
        NewsRow(
            news_id=row["news_id"],
            event=NotificationEvent(row["event"]),
            dedupe_key=row["dedupe_key"],
            run_id=row["run_id"],
            routes=Routes.from_dict(row["routes"]),
            facts=row["facts"],
            is_released=row["released_at"] is not None,
            is_over=row["over_at"] is not None,
            repositories=tuple(repositories[row["news_id"]]),
        )
        for row in rows
    ]


def common_base_image(connection: Connection, validation_ids: Sequence[UUID]) -> tuple[str, int] | None:
    """The base image that most of these validations were built on, and how many were."""
    row = named_queries().common_base_image(connection, validation_ids=list(validation_ids))
    return None if row is None else (row["reference"] or row["digest"], row["validations"])


def mark_told(connection: Connection, news_id: int, *, joined: Sequence[UUID], departed: Sequence[UUID]) -> None:
    """Keep which repositories a message has told of, by the validations that broke them."""
    named_queries().mark_told(connection, news_id=news_id, joined=list(joined), departed=list(departed))


def release(connection: Connection, news_id: int, *, close: bool) -> None:
    """Keep that the messages of a piece of news are written, and, with `close`, that nothing more is to be told."""
    queries = named_queries()
    (queries.close_news if close else queries.release_news)(connection, news_id=news_id)


def move_repositories(connection: Connection, news_id: int, from_news: Sequence[int]) -> None:
    """Let one piece of news have the repositories of others."""
    named_queries().move_repositories(connection, news_id=news_id, from_news_ids=list(from_news))


def addresses_of(connection: Connection, news_id: int) -> list[Route]:
    """Where the first message went."""
    return [
        Route(channel=Channel(row["channel"]), address=row["address"])
        for row in named_queries().addresses_of(connection, news_id=news_id)
    ]


def insert_deliveries(
    connection: Connection, news_id: int, kind: DeliveryKind, message: Message, routes: Sequence[Route]
) -> None:
    """Write a message for each of the channels."""
    for route in routes:
        named_queries().insert_delivery(
            connection,
            news_id=news_id,
            channel=route.channel.value,
            kind=kind.value,
            address=Jsonb(dict(route.address)),
            message=Jsonb(message.to_dict()),
        )


def due_channels(connection: Connection, deployment: str) -> list[Channel]:
    """Channels that a message is due for."""
    return [Channel(row["channel"]) for row in named_queries().due_channels(connection, deployment=deployment)]


def claim_delivery(connection: Connection, deployment: str, *, channel: Channel, lease: timedelta) -> Delivery | None:
    """The next message of a channel that is due, for the caller alone until the lease is over."""
    row = named_queries().claim_delivery(connection, deployment=deployment, channel=channel.value, lease=lease)
    return None if row is None else _delivery(row)


def keep_delivered(connection: Connection, delivery_id: int, external_ref: str | None) -> None:
    """Keep that a message arrived, and what the channel calls it."""
    named_queries().keep_delivered(connection, delivery_id=delivery_id, external_ref=external_ref)


def keep_partly_delivered(
    connection: Connection, delivery_id: int, external_ref: str, *, left_to: Sequence[str]
) -> None:
    """Keep who alone a message is tried again for; what follows it waits for nobody, and goes to everybody."""
    named_queries().keep_partly_delivered(
        connection, delivery_id=delivery_id, external_ref=external_ref, left_to=Jsonb(list(left_to))
    )


def keep_not_delivered(
    connection: Connection,
    delivery_id: int,
    *,
    error: str,
    wait: timedelta,
    give_up_after: timedelta,
    fewest_tries: int,
) -> None:
    """Keep why a message didn't arrive; it is tried again later, or given up where both bounds are reached."""
    named_queries().keep_not_delivered(
        connection,
        delivery_id=delivery_id,
        error=error,
        wait=wait,
        give_up_after=give_up_after,
        fewest_tries=fewest_tries,
    )


def take_up_again(connection: Connection, deployment: str) -> int:
    """Let what was given up wait anew; returns how many messages that are."""
    count: int = named_queries().take_up_again(connection, deployment=deployment)
    return count


def waiting_deliveries(connection: Connection, deployment: str) -> list[Delivery]:
    """Messages that wait to be sent, also those that were given up, the oldest first."""
    return [_delivery(row) for row in named_queries().waiting_deliveries(connection, deployment=deployment)]


def undelivered_routes(connection: Connection, deployment: str) -> list[Route]:
    """Where the messages go that didn't arrive, each place once; what was taken out of a config is among them."""
    return [
        Route(channel=Channel(row["channel"]), address=row["address"])
        for row in named_queries().undelivered_routes(connection, deployment=deployment)
    ]


def dead_channels(connection: Connection, deployment: str, since: datetime) -> list[DeadChannel]:
    """Channels with messages that didn't arrive yet, or were given up since an instant."""
    return [
        DeadChannel(
            channel=row["channel"],
            undelivered=row["undelivered"],
            messages=row["messages"],
            given_up=row["given_up"],
            since=row["since"],
            last_error=row["last_error"],
        )
        for row in named_queries().untold_by_channel(connection, deployment=deployment, since=since)
    ]


@contextmanager
def short_transaction(database_url: str) -> Iterator[Connection]:
    """One for a single statement between two calls to a channel."""
    with transaction(database_url, application_name="janitor-news", within=timedelta(seconds=10)) as connection:
        yield connection


def _repository(validation: ValidationRecord) -> dict[str, str]:
    return {
        "deployment": validation.deployment,
        "organization": validation.organization,
        "repository_name": validation.repository_name,
    }


def _news_repository(row: Mapping[str, Any]) -> NewsRepository:
    return NewsRepository(
        repository=row["repository"],
        validation_id=row["validation_id"],
        signature=row["signature"],
        title=row["title"],
        comes_back=row["comes_back"],
        joined_told=row["joined_told"],
        joined_run_over=row["joined_run_over"],
        left=row["left_at"] is not None,
        left_told=row["left_told"],
        left_run_over=row["left_run_over"],
        url=row["url"],
        log_stream=row["log_stream"],
        first_bad=row["first_bad"],
        first_bad_at=row["first_bad_at"],
        last_good=row["last_good"],
        last_good_at=row["last_good_at"],
        fixed_by=row["fixed_by"],
        cost_usd=row["cost_usd"],
    )


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(
        delivery_id=row["delivery_id"],
        news_id=row["news_id"],
        thing=f"{row['event']}/{row['dedupe_key']}",
        kind=DeliveryKind(row["kind"]),
        route=Route(channel=Channel(row["channel"]), address=row["address"]),
        message=Message.from_dict(row["message"]),
        created_at=row["created_at"],
        attempts=row["attempts"],
        thread_ref=row["thread_ref"],
        last_error=row.get("last_error"),
        is_given_up=row.get("is_given_up", False),
    )
