"""One poller for all launches that wait for a place in this triggerer: one query in each interval."""

from __future__ import annotations

import asyncio
import random
from functools import cache

from janitor.domain.errors import DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.wiring import current_settings
from janitor.services.ledger.places import places_held
from janitor.settings import Settings

_JITTER = 0.2

log = LineLogger(__name__)


class PlacePoller:
    """Waiters in the order of their coming, and the one task that serves them while there are any."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, limit: int) -> None:
        """Return when fewer than `limit` places are held."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[future] = limit
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._serve())
        try:
            await future
        finally:
            self._waiting.pop(future, None)

    async def _serve(self) -> None:
        while self._waiting:
            try:
                held = await asyncio.to_thread(places_held, self._settings)
            except DatabaseError as exc:
                log.warning("the places can't be counted now: %s", exc)
            else:
                # As many as there is room for: the others would find the place taken.
                for future, limit in list(self._waiting.items()):
                    if held < limit and not future.done():
                        future.set_result(None)
                        held += 1
            interval = self._settings.poll_interval.total_seconds()
            await asyncio.sleep(interval * (1 + random.uniform(-_JITTER, _JITTER)))  # noqa: S311  # jitter, no cryptography


@cache
def shared_place_poller() -> PlacePoller:
    """The poller of this process; a triggerer has one event loop."""
    return PlacePoller(current_settings())
