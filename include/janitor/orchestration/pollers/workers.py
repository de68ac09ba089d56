"""One poller for all validations that wait for a worker in this triggerer: it also gives them their tasks.

So an idle worker waits for a pass no longer than for this poller's interval. The claim is one statement, whoever makes
it.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from functools import cache
from uuid import UUID

from janitor.domain.errors import DatabaseError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.wiring import current_settings
from janitor.services.pool.queue import assigned_of
from janitor.settings import Settings

_JITTER = 0.2
_LONGEST_PAUSE = timedelta(seconds=2)

log = LineLogger(__name__)


class WorkerPoller:
    """Waiters, and the one task that serves them while there are any."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: dict[asyncio.Future[None], UUID] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, validation_id: UUID) -> None:
        """Return when the validation need not wait for a worker any more."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[future] = validation_id
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._serve())
        try:
            await future
        finally:
            self._waiting.pop(future, None)

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
            interval = min(self._settings.poll_interval, _LONGEST_PAUSE).total_seconds()
            await asyncio.sleep(interval * (1 + random.uniform(-_JITTER, _JITTER)))  # noqa: S311  # jitter, no cryptography


@cache
def shared_worker_poller() -> WorkerPoller:
    """The poller of this process; a triggerer has one event loop."""
    return WorkerPoller(current_settings())
