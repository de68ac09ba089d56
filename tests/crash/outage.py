"""How long the control plane was away after a kill, by the stack's own health, asked apart from the product."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from janitor.stack.airflow.config import HEARTBEAT_TIMEOUT, ORPHAN_CHECK_INTERVAL
from tests.crash.stand import Stand
from tests.crash.waiting import DEAD

NOTICED_WITHIN = HEARTBEAT_TIMEOUT + ORPHAN_CHECK_INTERVAL
"""From the control plane's return until it takes up what its dead tasks left: Airflow's own settings in this stack."""
_SEEN_DEAD_AFTER = timedelta(seconds=2)
"""What answers sooner may still be what was killed."""
_EVERY = timedelta(seconds=1)


@dataclass(frozen=True)
class Outage:
    """From the blow until every component was at work again; None: not while somebody looked."""

    began_at: datetime
    ended_at: datetime | None

    def outlived(self, deadline: datetime) -> bool:
        """Whether nobody can have been at work on a validation between its blow and its hard limit.

        A control plane that was back in time to take the validation up again is no excuse for anything.
        """
        return self.ended_at is None or self.ended_at + NOTICED_WITHIN >= deadline

    def __str__(self) -> str:
        if self.ended_at is None:
            return "the control plane never came back"
        return f"the control plane was away {(self.ended_at - self.began_at).total_seconds():.0f} s"


class OutageClock:
    """A thread that asks for the stack's health from a blow on, until it is whole."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._began_at = datetime.now(timezone.utc)
        self._ended_at: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="outage", daemon=True)
        self._thread.start()

    def read(self) -> Outage:
        """The outage as far as it is known."""
        return Outage(self._began_at, self._ended_at)

    def stop(self) -> None:
        """Look no longer."""
        self._stop.set()
        self._thread.join(timeout=60)

    def _watch(self) -> None:
        self._stop.wait(_SEEN_DEAD_AFTER.total_seconds())
        while not self._stop.is_set():
            try:
                whole = not self._stand.ailing()
            except DEAD:
                whole = False
            if whole:
                self._ended_at = datetime.now(timezone.utc)
                return
            self._stop.wait(_EVERY.total_seconds())
