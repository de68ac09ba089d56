"""Sending what waits: one message of a channel after another, each taken by one sender alone, sent outside of any
transaction. The channels go side by side, so that none waits for another.

Invariant: nothing here fails a run or a pass of the reaper. Whoever dies between sending and writing it down leaves a
message that is sent again when its lease is over; by what GitHub, mail programs and a FIFO topic know it for the same,
and Slack and other topics don't.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from janitor.domain.errors import DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.domain.news.forms import title
from janitor.domain.news.message import Channel
from janitor.protocol.text.plain_text import one_line
from janitor.services.news.senders.bounded import SEND_WITHIN, send_bounded
from janitor.services.news.senders.channels import SENDERS
from janitor.services.news.senders.sending import Outgoing, PartlySentError, Sender, SendError
from janitor.services.news.telling import write_messages_if_possible
from janitor.settings import Settings
from janitor.stores.standing import news as store

log = LineLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than any sender takes; whoever is slower may see its message sent twice."""
WITHIN = timedelta(seconds=22)
"""How long one call goes on taking messages. With the last one's own bound it is over after 45 s: it is part of a pass
of the reaper."""
GIVE_UP_AFTER = timedelta(hours=24)
"""Since the first try: what nobody tried, as everything was down, isn't given up for its age."""
FEWEST_TRIES = 5
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_LONGEST_ERROR = 300


@dataclass(kw_only=True)
class DeliveryReport:
    """What became of the messages."""

    sent: list[str] = field(default_factory=list)
    """`slack_bot: Newly broken: acme/worker-a`, for each."""
    failed: list[str] = field(default_factory=list)


def deliver(
    settings: Settings,
    *,
    within: timedelta = WITHIN,
    each_within: timedelta = SEND_WITHIN,
    senders: Mapping[Channel, Sender] = SENDERS,
    given_up_too: bool = False,
) -> DeliveryReport:
    """Write the messages that it is time for, and send what is due. A channel that fails is left alone until next time.

    Args:
        settings: Of the environment.
        within: How long messages are taken.
        each_within: How long sending one takes at most.
        senders: Of the channels.
        given_up_too: Whether what was given up is tried anew, for another day.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with store.short_transaction(settings.writer_url) as connection:
        write_messages_if_possible(connection, settings)
    with store.short_transaction(settings.writer_url) as connection:
        if given_up_too:
            store.take_up_again(connection, settings.deployment)
        due = store.due_channels(connection, settings.deployment)
    give_up_at = time.monotonic() + within.total_seconds()
    workers = [_Worker(settings, senders[each], each, give_up_at, each_within) for each in due if each in senders]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    report = DeliveryReport()
    for worker in workers:
        report.sent += worker.report.sent
        report.failed += worker.report.failed
    for worker in workers:
        if worker.failure is not None:
            raise worker.failure
    return report


class _Worker(threading.Thread):
    """Sends what is due of one channel, until something of it fails or the time is over."""

    def __init__(
        self, settings: Settings, send: Sender, channel: Channel, give_up_at: float, each_within: timedelta
    ) -> None:
        super().__init__(name=f"janitor-{channel.value}", daemon=True)
        self.report = DeliveryReport()
        self.failure: BaseException | None = None
        self._settings = settings
        self._sender = send
        self._channel = channel
        self._give_up_at = give_up_at
        self._each_within = each_within

    def run(self) -> None:
        """Send one after the other."""
        try:
            while time.monotonic() < self._give_up_at:
                with store.short_transaction(self._settings.writer_url) as connection:
                    delivery = store.claim_delivery(
                        connection, self._settings.deployment, channel=self._channel, lease=LEASE
                    )
                if delivery is None or not self._send(delivery):
                    return
        except BaseException as exc:
            self.failure = exc

    def _send(self, delivery: store.Delivery) -> bool:
        settings, line = self._settings, f"{self._channel.value}: {title(delivery.message)}"
        try:
            external_ref = send_bounded(self._sender, outgoing_of(settings, delivery), within=self._each_within)
        except Exception as exc:
            # A sender's own defect must not stop the others either; its words may hold a secret.
            said = str(exc) if isinstance(exc, SendError) else f"the sender failed ({type(exc).__name__})"
            if not isinstance(exc, SendError):
                log.error("the sender of %s failed: %s", self._channel.value, type(exc).__name__)
            wait = exc.retry_after if isinstance(exc, SendError) and exc.retry_after else retry_wait(delivery.attempts)
            partly = exc if isinstance(exc, PartlySentError) else None
            with store.short_transaction(settings.writer_url) as connection:
                if partly is not None:
                    store.keep_partly_delivered(
                        connection, delivery.delivery_id, partly.external_ref, left_to=partly.left_to
                    )
                store.keep_not_delivered(
                    connection,
                    delivery.delivery_id,
                    error=one_line(said, limit=_LONGEST_ERROR),
                    wait=wait,
                    give_up_after=GIVE_UP_AFTER,
                    fewest_tries=FEWEST_TRIES,
                )
            self.report.failed.append(f"{line}: {said}")
            # A recipient's trouble isn't the channel's: it goes on with what else is due.
            return partly is not None
        with store.short_transaction(settings.writer_url) as connection:
            store.keep_delivered(connection, delivery.delivery_id, external_ref)
        self.report.sent.append(line)
        return True


def tell_news(settings: Settings) -> None:
    """The same for whoever must not fail by it."""
    try:
        report = deliver(settings)
    except DatabaseError as exc:
        log.warning("messages wait for the next pass: %s", exc)
        return
    except Exception as exc:
        log.error("messages wait for the next pass: %s", type(exc).__name__)
        return
    for line in report.sent:
        log.info("told by %s", line)
    for line in report.failed:
        log.warning("not told by %s", line)


def outgoing_of(settings: Settings, delivery: store.Delivery) -> Outgoing:
    """A message as its sender is given it."""
    return Outgoing(
        settings=settings,
        key=f"{settings.deployment}/{delivery.news_id}/{delivery.delivery_id}",
        news_key=f"{settings.deployment}/{delivery.thing}",
        kind=delivery.kind,
        message=delivery.message,
        address=delivery.route.address,
        thread_ref=delivery.thread_ref,
    )


def retry_wait(attempts: int) -> timedelta:
    """How long the next try waits after so many."""
    doublings: int = min(max(attempts - 1, 0), 10)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)
