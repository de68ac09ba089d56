"""Who waits for the same kind of thing in one triggerer, and the one task that serves them all."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Generic, TypeVar

from janitor.settings import Settings

Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")

_JITTER = 0.2


class Waiters(ABC, Generic[Wanted, Answer]):
    """Those who wait, in the order of their coming, each with what it wants."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: dict[asyncio.Future[Answer], Wanted] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, wanted: Wanted) -> Answer:
        """Return its answer. Without a deadline of its own: whoever waits has one."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting[future] = wanted
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._serve())
        try:
            return await future
        finally:
            self._waiting.pop(future, None)

    @abstractmethod
    async def _serve(self) -> None:
        """Answer the futures of `_waiting` as long as there are any."""


async def pause(interval: timedelta) -> None:
    """Sleep about as long: not all triggerers at once."""
    await asyncio.sleep(interval.total_seconds() * (1 + random.uniform(-_JITTER, _JITTER)))  # noqa: S311  # jitter, no cryptography
