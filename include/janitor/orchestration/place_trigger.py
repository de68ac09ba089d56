"""The trigger of a deferred launch: fires when there may be a place, or when a pause is over.

Waiting costs no worker slot and, for all launches of one triggerer together, one query in each interval.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from airflow.triggers.base import BaseTrigger, TriggerEvent

from janitor.orchestration.pollers.places import shared_place_poller
from janitor.orchestration.wiring import require_environment

EARLIEST_EVENT = timedelta(seconds=15)
"""From the deferral: a trigger that fires sooner can find its task not deferred yet, and Airflow fails that task."""


class PlaceTrigger(BaseTrigger):
    """Wait for an instant, or for one of the deployment's places.

    :param not_before: ISO 8601: never fires earlier.
    :param not_after: ISO 8601: fires then at the latest.
    :param limit: Most live instances of the deployment; None: only the instants count.
    :param validation_id: Who waits, as text; for people who look at triggers.
    :param environment: Of the task that deferred; a triggerer of another one refuses.
    """

    def __init__(
        self,
        not_before: str,
        not_after: str,
        limit: int | None = None,
        validation_id: str | None = None,
        environment: str | None = None,
    ) -> None:
        super().__init__()
        self.not_before = not_before
        self.not_after = not_after
        self.limit = limit
        self.validation_id = validation_id
        self.environment = environment

    @classmethod
    def at(cls, until: datetime, *, environment: str | None = None) -> PlaceTrigger:
        """Fire at an instant."""
        earliest = max(until, datetime.now(timezone.utc) + EARLIEST_EVENT).isoformat()
        return cls(not_before=earliest, not_after=earliest, environment=environment)

    @classmethod
    def free(
        cls, validation_id: UUID, limit: int, *, not_after: datetime, environment: str | None = None
    ) -> PlaceTrigger:
        """Fire when fewer than `limit` places are held."""
        earliest = datetime.now(timezone.utc) + EARLIEST_EVENT
        return cls(
            not_before=earliest.isoformat(),
            not_after=max(not_after, earliest).isoformat(),
            limit=limit,
            validation_id=str(validation_id),
            environment=environment,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which another triggerer makes the same trigger."""
        return (
            "janitor.orchestration.place_trigger.PlaceTrigger",
            {
                "not_before": self.not_before,
                "not_after": self.not_after,
                "limit": self.limit,
                "validation_id": self.validation_id,
                "environment": self.environment,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        require_environment(self.environment)
        await asyncio.sleep(seconds_until(self.not_before))
        reason = "the pause is over"
        if self.limit is not None:
            try:
                await asyncio.wait_for(shared_place_poller().wait(self.limit), timeout=seconds_until(self.not_after))
                reason = "a place is free"
            except asyncio.TimeoutError:
                reason = "no place became free"
        yield TriggerEvent({"reason": reason})


def seconds_until(instant: str) -> float:
    """From now to an instant in ISO 8601; 0 where it has passed."""
    return max((datetime.fromisoformat(instant) - datetime.now(timezone.utc)).total_seconds(), 0.0)
