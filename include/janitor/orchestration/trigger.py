"""The trigger of a deferred validation: fires when there is something for the worker to do.

All of them in one triggerer share one poller (`janitor.orchestration.pollers.validations`). A trigger fires at the
absolute limit even if AWS can't be asked, so that the worker can say so. It never fires right after the deferral, when
Airflow might not know the task as deferred yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from airflow.triggers.base import BaseTrigger, TriggerEvent

from janitor.domain.watch.watching import AwaitedSign, Watched
from janitor.orchestration.place_trigger import EARLIEST_EVENT, seconds_until
from janitor.orchestration.pollers.validations import shared_poller
from janitor.orchestration.wiring import require_environment

_LAST_LOOK = timedelta(seconds=30)
"""How long after deadline and grace the poller may be late before the trigger fires by itself."""


class WatchTrigger(BaseTrigger):
    """Wait until `decide` says anything but WAIT for one validation.

    :param validation_id: The validation, as text.
    :param watched: The fields of `Watched`, with instants in ISO 8601 and durations in seconds.
    :param not_before: ISO 8601: never fires earlier; None: at any time, as triggers did that still wait.
    :param environment: Of the task that deferred; a triggerer of another one refuses.
    """

    def __init__(
        self,
        validation_id: str,
        watched: dict[str, Any],
        not_before: str | None = None,
        environment: str | None = None,
    ) -> None:
        super().__init__()
        self.validation_id = validation_id
        self.watched = watched
        self.not_before = not_before
        self.environment = environment

    @classmethod
    def of(cls, validation_id: UUID, watched: Watched, *, environment: str | None = None) -> WatchTrigger:
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
                "sign": _plain(watched.sign),
            },
            not_before=(datetime.now(timezone.utc) + EARLIEST_EVENT).isoformat(),
            environment=environment,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which another triggerer makes the same trigger."""
        return (
            "janitor.orchestration.trigger.WatchTrigger",
            {
                "validation_id": self.validation_id,
                "watched": self.watched,
                "not_before": self.not_before,
                "environment": self.environment,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        require_environment(self.environment)
        watched = Watched(
            instance_id=self.watched["instance_id"],
            launched_at=datetime.fromisoformat(self.watched["launched_at"]),
            deadline_at=datetime.fromisoformat(self.watched["deadline_at"]),
            grace=timedelta(seconds=self.watched["grace_seconds"]),
            online_timeout=timedelta(seconds=self.watched["online_timeout_seconds"]),
            is_spot=self.watched["is_spot"],
            consistency=timedelta(seconds=self.watched["consistency_seconds"]),
            command_id=self.watched["command_id"],
            sign=_sign(self.watched.get("sign")),
        )
        limit = watched.deadline_at + watched.grace + _LAST_LOOK
        seconds_left = max((limit - datetime.now(timezone.utc)).total_seconds(), 0)
        try:
            decision = await asyncio.wait_for(shared_poller().wait(watched), timeout=seconds_left)
            reason = decision.step.value if decision.outcome is None else decision.outcome.value
        except asyncio.TimeoutError:
            reason = "limit"
        if self.not_before is not None:
            await asyncio.sleep(seconds_until(self.not_before))
        yield TriggerEvent({"validation_id": self.validation_id, "reason": reason})


def _plain(sign: AwaitedSign | None) -> dict[str, Any] | None:
    if sign is None:
        return None
    return {
        "key": sign.key,
        "report_key": sign.report_key,
        "log_streams": list(sign.log_streams),
        "due_at": sign.due_at.isoformat(),
    }


def _sign(plain: dict[str, Any] | None) -> AwaitedSign | None:
    if plain is None:
        return None
    return AwaitedSign(
        key=plain["key"],
        report_key=plain["report_key"],
        log_streams=tuple(plain["log_streams"]),
        due_at=datetime.fromisoformat(plain["due_at"]),
    )
