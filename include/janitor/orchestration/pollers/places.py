"""One poller for all launches that wait for a place in this triggerer: one query in each interval."""

from __future__ import annotations

import asyncio
from functools import cache

from janitor.domain.errors import DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.pollers.waiters import Waiters, pause
from janitor.orchestration.wiring import current_settings
from janitor.services.ledger.places import places_held

log = LineLogger(__name__)


class PlacePoller(Waiters[int, None]):
    """Each wants fewer than its limit of places to be held."""

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
            await pause(self._settings.poll_interval)


@cache
def shared_place_poller() -> PlacePoller:
    """The poller of this process; a triggerer has one event loop."""
    return PlacePoller(current_settings())
