"""One poller for all validations that wait for a worker in this triggerer: it also gives them their tasks.

So an idle worker waits for a pass no longer than for this poller's interval. The claim is one statement, whoever makes
it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cache
from uuid import UUID

from janitor.domain.errors import DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.pollers.waiters import Waiters, pause
from janitor.orchestration.wiring import current_settings
from janitor.services.pool.queue import assigned_of

_LONGEST_PAUSE = timedelta(seconds=2)

log = LineLogger(__name__)


class WorkerPoller(Waiters[UUID, None]):
    """Each wants its validation to be no longer without a worker."""

    async def _serve(self) -> None:
        while self._waiting:
            try:
                ready = await asyncio.to_thread(assigned_of, self._settings, list(self._waiting.values()))
            except DatabaseError as exc:
                log.warning("the tasks can't be looked at now: %s", exc)
            else:
                for future, validation_id in list(self._waiting.items()):
                    if validation_id in ready and not future.done():
                        future.set_result(None)
            await pause(min(self._settings.poll_interval, _LONGEST_PAUSE))


@cache
def shared_worker_poller() -> WorkerPoller:
    """The poller of this process; a triggerer has one event loop."""
    return WorkerPoller(current_settings())
