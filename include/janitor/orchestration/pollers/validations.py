"""One poller for all validations that wait in this triggerer.

AWS calls grow with pages, not with validations: a round asks once for the deployment's instances, once for its commands
and, while somebody waits for them, once for the agents and once for each run's signs of life. Failed rounds delay and
never drop a waiter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from janitor.domain.errors import CloudError, DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.domain.watch.watching import Decision, Step, Watched, decide
from janitor.orchestration.pollers.waiters import Waiters, pause
from janitor.orchestration.wiring import current_settings
from janitor.services.watch.fleet_view import FleetView, look_at_fleet
from janitor.services.watch.signs import keep_signs

_LONGEST_BACKOFF_FACTOR = 8

log = LineLogger(__name__)


class BatchedPoller(Waiters[Watched, Decision]):
    """Each wants the first decision that isn't WAIT."""

    async def _serve(self) -> None:
        failures = 0
        while self._waiting:
            await pause(self._settings.poll_interval * min(2**failures, _LONGEST_BACKOFF_FACTOR))
            try:
                await self._round()
                failures = 0
            except (CloudError, DatabaseError) as exc:
                failures += 1
                log.warning("can't look now, round %s delayed: %s", failures, exc)

    async def _round(self) -> None:
        waiting = dict(self._waiting)
        view = await asyncio.to_thread(look_at_fleet, self._settings, tuple(waiting.values()))
        await self._keep_signs(waiting, view)
        for future, watched in waiting.items():
            decision = decide(watched, view.observation_of(watched))
            if decision.step is not Step.WAIT and not future.done():
                future.set_result(decision)

    async def _keep_signs(self, waiting: Mapping[asyncio.Future[Decision], Watched], view: FleetView) -> None:
        """Keep the signs of life that were seen; who has shown one is not looked at for it again."""
        alive = {one.instance_id for one in waiting.values() if one.sign is not None and view.life.get(one.instance_id)}
        if not alive:
            return
        try:
            await asyncio.to_thread(keep_signs, self._settings, sorted(alive))
        except DatabaseError as exc:
            log.warning("signs of life can't be kept now, they are looked for again: %s", exc)
            return
        for future, watched in waiting.items():
            if watched.instance_id in alive and future in self._waiting:
                self._waiting[future] = replace(watched, sign=None)


@cache
def shared_poller() -> BatchedPoller:
    """The poller of this process; a triggerer has one event loop."""
    return BatchedPoller(current_settings())
