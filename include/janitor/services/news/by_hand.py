"""What a person does about messages: see what waits, send it now, and try each channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from janitor.domain.config.workers import WorkersConfig
from janitor.domain.news.message import Channel, DeliveryKind, Line, Message
from janitor.domain.news.routes import Route
from janitor.services.news.delivering import DeliveryReport
from janitor.services.news.senders.bounded import send_bounded
from janitor.services.news.senders.channels import SENDERS
from janitor.services.news.senders.sending import Outgoing, Sender, SendError
from janitor.services.news.telling import write_messages
from janitor.services.outbox.routing import routes_for
from janitor.settings import Settings
from janitor.stores.standing import news as store

_TEST = Message(
    headline=("A test of Janitor's messages",),
    lines=(Line(label="what", pieces=("somebody tries whether this channel answers; there is nothing to do",)),),
)


def waiting_messages(settings: Settings) -> list[store.Delivery]:
    """What would be sent now or later, with what would be written for it; nothing is changed.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with store.short_transaction(settings.writer_url) as connection:
        write_messages(connection, settings)
        waiting = store.waiting_deliveries(connection, settings.deployment)
        connection.rollback()
    return waiting


def try_channels(
    settings: Settings, config: WorkersConfig, *, senders: Mapping[Channel, Sender] = SENDERS
) -> DeliveryReport:
    """Send a test to each channel of a configuration; needs no database. An issue is closed at once."""
    routes = routes_for(settings, config)
    return _tried(settings, routes.channels if routes is not None else (), senders)


def try_undelivered(settings: Settings, *, senders: Mapping[Channel, Sender] = SENDERS) -> DeliveryReport:
    """Send a test to each channel that a message couldn't be sent to, where that message goes.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with store.short_transaction(settings.writer_url) as connection:
        routes = store.undelivered_routes(connection, settings.deployment)
    return _tried(settings, routes, senders)


def _tried(settings: Settings, routes: Sequence[Route], senders: Mapping[Channel, Sender]) -> DeliveryReport:
    report = DeliveryReport()
    for route in routes:
        name, key = route.channel.value, f"{settings.deployment}/test/{uuid4()}"
        outgoing = Outgoing(
            settings=settings,
            key=key,
            news_key=key,
            # An issue that is closed as it is made bothers nobody.
            kind=DeliveryKind.CLOSE if route.channel is Channel.GITHUB_ISSUES else DeliveryKind.OPEN,
            message=_TEST,
            address=route.address,
            thread_ref=None,
        )
        try:
            send_bounded(senders[route.channel], outgoing)
        except SendError as exc:
            report.failed.append(f"{name}: {exc}")
        else:
            report.sent.append(f"{name}: a test")
    return report
