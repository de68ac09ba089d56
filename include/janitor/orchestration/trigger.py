"""The trigger of a deferred validation: fires when there is something for the worker to do.

All of them in one triggerer share one poller (`janitor.orchestration.poller`). A trigger fires at the absolute limit
even if AWS can't be asked, so that the worker can say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from airflow.triggers.base import BaseTrigger, TriggerEvent

from janitor.domain.watching import Watched
from janitor.orchestration.poller import shared_poller

_LAST_LOOK = timedelta(seconds=30)
"""How long after deadline and grace the poller may be late before the trigger fires by itself."""


class WatchTrigger(BaseTrigger):
    """Wait until `decide` says anything but WAIT for one validation.

    :param validation_id: The validation, as text.
    :param watched: The fields of `Watched`, with instants in ISO 8601 and durations in seconds.
    """

    def __init__(self, validation_id: str, watched: dict[str, Any]) -> None:
        super().__init__()
        self.validation_id = validation_id
        self.watched = watched

    @classmethod
    def of(cls, validation_id: UUID, watched: Watched) -> WatchTrigger:
        """The trigger for one validation."""
        return cls(
            validation_id=str(validation_id),
            watched={
                "instance_id": watched.instance_id,
                "launched_at": watched.launched_at.isoformat(),
                "deadline_at": watched.deadline_at.isoformat(),
                "grace_seconds": watched.grace.total_seconds(),
                "online_timeout_seconds": watched.online_timeout.total_seconds(),
                "is_spot": watched.is_spot,
                "consistency_seconds": watched.consistency.total_seconds(),
                "command_id": watched.command_id,
            },
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which another triggerer makes the same trigger."""
        return (
            "janitor.orchestration.trigger.WatchTrigger",
            {"validation_id": self.validation_id, "watched": self.watched},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        watched = Watched(
            instance_id=self.watched["instance_id"],
            launched_at=datetime.fromisoformat(self.watched["launched_at"]),
            deadline_at=datetime.fromisoformat(self.watched["deadline_at"]),
            grace=timedelta(seconds=self.watched["grace_seconds"]),
            online_timeout=timedelta(seconds=self.watched["online_timeout_seconds"]),
            is_spot=self.watched["is_spot"],
            consistency=timedelta(seconds=self.watched["consistency_seconds"]),
            command_id=self.watched["command_id"],
        )
        limit = watched.deadline_at + watched.grace + _LAST_LOOK
        seconds_left = max((limit - datetime.now(timezone.utc)).total_seconds(), 0)
        try:
            decision = await asyncio.wait_for(shared_poller().wait(watched), timeout=seconds_left)
            reason = decision.step.value if decision.outcome is None else decision.outcome.value
        except asyncio.TimeoutError:
            reason = "limit"
        yield TriggerEvent({"validation_id": self.validation_id, "reason": reason})
