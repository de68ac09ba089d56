"""The trigger of a validation that waits for a pool's worker: fires when one has it, or when none will."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from airflow.triggers.base import BaseTrigger, TriggerEvent

from janitor.orchestration.place_trigger import EARLIEST_EVENT, seconds_until
from janitor.orchestration.pollers.workers import shared_worker_poller
from janitor.orchestration.wiring import require_environment


class WorkerTrigger(BaseTrigger):
    """Wait until a validation's task is held, or has ended.

    :param validation_id: The validation, as text.
    :param not_before: ISO 8601: never fires earlier.
    :param not_after: ISO 8601: fires then at the latest.
    :param environment: Of the task that deferred; a triggerer of another one refuses.
    """

    def __init__(self, validation_id: str, not_before: str, not_after: str, environment: str | None = None) -> None:
        super().__init__()
        self.validation_id = validation_id
        self.not_before = not_before
        self.not_after = not_after
        self.environment = environment

    @classmethod
    def of(cls, validation_id: UUID, *, not_after: datetime, environment: str | None = None) -> WorkerTrigger:
        """The trigger for one validation."""
        earliest = datetime.now(timezone.utc) + EARLIEST_EVENT
        return cls(
            validation_id=str(validation_id),
            not_before=earliest.isoformat(),
            not_after=max(not_after, earliest).isoformat(),
            environment=environment,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which another triggerer makes the same trigger."""
        return (
            "janitor.orchestration.pool.trigger.WorkerTrigger",
            {
                "validation_id": self.validation_id,
                "not_before": self.not_before,
                "not_after": self.not_after,
                "environment": self.environment,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        require_environment(self.environment)
        try:
            waiting = shared_worker_poller().wait(UUID(self.validation_id))
            await asyncio.wait_for(waiting, timeout=seconds_until(self.not_after))
            reason = "a worker has it, or none will"
        except asyncio.TimeoutError:
            reason = "no worker became free"
        await asyncio.sleep(seconds_until(self.not_before))
        yield TriggerEvent({"validation_id": self.validation_id, "reason": reason})
