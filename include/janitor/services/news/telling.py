"""Making messages of what is new, when it is time: at the end of the run that it belongs to, else at once.

Invariant: a message is written once for each thing and channel, in one transaction with the mark that it is written;
whoever is cut off in between leaves neither. Repeating it writes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.config.notifications import NotificationEvent
from janitor.domain.evidence.cause import Cause, Causes
from janitor.domain.log_lines import LineLogger
from janitor.domain.news.message import Channel, DeliveryKind, Message
from janitor.domain.news.routes import Route
from janitor.services.evidence.causes import read_causes
from janitor.services.news.wording import Wording
from janitor.services.outbox.schedule import keep_missed_schedule
from janitor.settings import Settings
from janitor.stores.database import Connection
from janitor.stores.standing import news as store
from janitor.stores.standing.news import NewsRow

log = LineLogger(__name__)

MOST_CAUSES = 10
"""More new causes than these of one run are one message."""


def write_messages(connection: Connection, settings: Settings) -> int:
    """Write every message that it is time for.

    Args:
        connection: Of a transaction; the one that ends a run, so that its end and its messages are one.
        settings: Of the environment, for the links.

    Returns:
        Of how many pieces of news something was written.
    """
    store.lock_news(connection, settings.deployment)
    keep_missed_schedule(connection, settings, datetime.now(timezone.utc))
    rows = store.news_to_tell(connection, settings.deployment)
    writer, written = _Writer(connection, settings), 0
    for run_id in {row.run_id: None for row in rows if row.run_id is not None}:
        rows = writer.gather(rows, run_id)
    for row in rows:
        try:
            with connection.transaction():
                writer.tell(row)
        except Exception as exc:
            # What can't be put into words must not keep everything else from being told.
            log.error("news %s can't be told: %s", row.news_id, type(exc).__name__)
        else:
            written += 1
    return written


def write_messages_if_possible(connection: Connection, settings: Settings) -> None:
    """The same for a transaction that must not fail by it: what isn't written now is by the next pass of the reaper."""
    try:
        with connection.transaction():
            write_messages(connection, settings)
    except Exception as exc:
        log.error("messages wait for the next pass of the reaper: %s", type(exc).__name__)


class _Writer:
    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._wording = Wording(settings)
        self._causes: dict[UUID, Causes] = {}

    def gather(self, rows: list[NewsRow], run_id: UUID) -> list[NewsRow]:
        """The same rows, but those of a run that broke in too many ways, which become one piece of news."""
        broken = [
            row
            for row in rows
            if row.run_id == run_id and row.event is NotificationEvent.NEWLY_BROKEN and not row.is_released
        ]
        if len(broken) <= MOST_CAUSES:
            return rows
        connection = self._connection
        fleet = store.open_news(
            connection,
            self._settings.deployment,
            NotificationEvent.NEWLY_BROKEN,
            f"fleet/{run_id}",
            run_id=run_id,
            routes=broken[0].routes,
        )
        store.move_repositories(connection, fleet, [row.news_id for row in broken])
        for row in broken:
            store.release(connection, row.news_id, close=True)
        joined = [each for row in broken for each in row.repositories if not each.left]
        suspect = store.common_base_image(connection, [each.validation_id for each in joined])
        message = self._wording.fleet_broken(joined, len(broken), suspect)
        self._open(fleet, broken[0], message)
        store.mark_told(connection, fleet, joined=[each.validation_id for each in joined], departed=())
        store.release(connection, fleet, close=False)
        gathered = {row.news_id for row in broken}
        return [row for row in rows if row.news_id not in gathered]

    def tell(self, row: NewsRow) -> None:
        """Write what is to be told of one piece of news."""
        if row.event in (NotificationEvent.NEWLY_BROKEN, NotificationEvent.NEWLY_FIXED):
            self._tell_repositories(row)
        else:
            self._tell_fact(row)

    def _tell_fact(self, row: NewsRow) -> None:
        opened, over = self._words_of(row.event)
        if not row.is_released:
            self._open(row.news_id, row, opened(row))
        if row.is_over:
            # A day that is over is told nobody; an issue about it is closed.
            quiet = row.event is NotificationEvent.BUDGET_REFUSED
            where = [
                each
                for each in store.addresses_of(self._connection, row.news_id)
                if not quiet or each.channel is Channel.GITHUB_ISSUES
            ]
            store.insert_deliveries(self._connection, row.news_id, DeliveryKind.CLOSE, over(row), where)
        store.release(self._connection, row.news_id, close=row.is_over)

    def _words_of(self, event: NotificationEvent) -> tuple[Callable[[NewsRow], Message], Callable[[NewsRow], Message]]:
        wording = self._wording
        return {
            NotificationEvent.STALE: (wording.stale, wording.stale_over),
            NotificationEvent.BUDGET_REFUSED: (wording.refused, wording.refused_over),
            NotificationEvent.LEAK_FOUND: (wording.leak, wording.leak_over),
        }[event]

    def _tell_repositories(self, row: NewsRow) -> None:
        joined = [
            each
            for each in row.repositories
            if each.joined_run_over and not each.joined_told and not (each.comes_back and each.left)
        ]
        left = [each for each in row.repositories if each.left_run_over and each.left and not each.left_told]
        # What came and went before anybody was told is no news, unless it went alone.
        came_and_went = {each.validation_id for each in joined} & {each.validation_id for each in left}
        new = [each for each in joined if each.validation_id not in came_and_went]
        gone = [each for each in left if each.validation_id not in came_and_went]
        close = all(each.left and (each.left_told or each.left_run_over) for each in row.repositories)
        if row.event is NotificationEvent.NEWLY_FIXED:
            if left:
                # An issue that is opened to say that all is well helps nobody.
                self._open(row.news_id, row, self._wording.fixed(row, left), but=(Channel.GITHUB_ISSUES,))
        elif not row.is_released:
            if new:
                self._open(row.news_id, row, self._wording.broken(row, new, self._cause_of(row)))
        elif close and gone:
            self._follow(row, DeliveryKind.CLOSE, self._wording.fixed(row, gone), NotificationEvent.NEWLY_FIXED)
        elif new or gone:
            event = NotificationEvent.NEWLY_BROKEN if new else NotificationEvent.NEWLY_FIXED
            self._follow(row, DeliveryKind.UPDATE, self._wording.changed(row, new, gone), event)
        store.mark_told(
            self._connection,
            row.news_id,
            joined=[each.validation_id for each in joined],
            departed=[each.validation_id for each in left],
        )
        if close or new or row.is_released:
            store.release(self._connection, row.news_id, close=close)

    def _cause_of(self, row: NewsRow) -> Cause | None:
        """What is known of a cause besides, as the page shows it; read once for all of a run."""
        signature = row.repositories[0].signature
        if row.run_id is None or signature is None:
            return None
        if row.run_id not in self._causes:
            try:
                with self._connection.transaction():
                    now = datetime.now(timezone.utc)
                    self._causes[row.run_id] = read_causes(self._connection, self._settings.deployment, row.run_id, now)
            except Exception as exc:
                log.warning("messages are without their evidence: %s", type(exc).__name__)
                self._causes[row.run_id] = Causes()
        return self._causes[row.run_id].find(signature)

    def _open(self, news_id: int, row: NewsRow, message: Message, *, but: Sequence[Channel] = ()) -> None:
        where = [each for each in row.routes.wanted(row.event) if each.channel not in but]
        store.insert_deliveries(self._connection, news_id, DeliveryKind.OPEN, message, where)

    def _follow(self, row: NewsRow, kind: DeliveryKind, message: Message, event: NotificationEvent) -> None:
        """Where the first word of it went, as far as this is wanted; else wherever this is."""
        if event not in row.routes.events:
            return
        where: Sequence[Route] = store.addresses_of(self._connection, row.news_id) or row.routes.wanted(event)
        store.insert_deliveries(self._connection, row.news_id, kind, message, where)
