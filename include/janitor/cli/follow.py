"""Following a run until it ends.

Invariant: following only looks. It ends when the run has ended, when Airflow gave the run up without ending its
records, when nothing has changed for longer than anything may take, or when looking fails for too long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Protocol

from janitor.cli.changes import changes_between, stalled_at
from janitor.domain.errors import AirflowError, CloudError, DatabaseError
from janitor.domain.views import RunView

RECORD_MARGIN = timedelta(minutes=10)
"""Added to a run's grace: time to flush, record and terminate after a hard limit, tasks retried included."""
PLAN_TIMEOUT = timedelta(minutes=5)
"""How long Airflow may take from the trigger until the run is planned."""
_AIRFLOW_INTERVAL = timedelta(seconds=5)
_SETTLE = timedelta(seconds=20)
"""How long the records may lag behind Airflow's own end of the run."""
_TROUBLE_TIMEOUT = timedelta(minutes=2)
"""How long the database or Airflow may be away; a restart takes less."""


class Display(Protocol):
    """Shows a run to somebody."""

    def update(self, run: RunView | None, now: datetime) -> None:
        """Show the latest look; None as long as the run isn't planned."""


@dataclass(frozen=True, kw_only=True)
class RunSource:
    """Where the looks come from."""

    airflow_run_id: str
    look: Callable[[], RunView | None]
    """The run's records, None before there are any."""
    airflow_ended: Callable[[], bool]
    """Whether Airflow's own run has ended."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often to look, how long to wait, and the clock; tests set a clock that doesn't wait."""

    interval: timedelta
    margin: timedelta
    """See `stalled_at`."""
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    sleep: Callable[[float], None] = time.sleep


def follow(source: RunSource, display: Display, pace: Pace) -> RunView:
    """Show a run until it ends.

    Raises:
        AirflowError: Airflow's run ended and the records didn't, or nothing changes any more.
        DatabaseError: The records can't be read for too long.
    """
    return _Follower(source, display, pace).run()


@dataclass
class _Follower:
    source: RunSource
    display: Display
    pace: Pace
    latest: RunView | None = None
    ended_in_airflow_at: datetime | None = None
    trouble_since: datetime | None = None
    started: datetime = field(init=False)
    last_change: datetime = field(init=False)
    next_airflow_look: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.last_change = self.next_airflow_look = self.pace.now()

    def run(self) -> RunView:
        while True:
            now = self.pace.now()
            try:
                self._look(now)
                self.trouble_since = None
            except (DatabaseError, AirflowError, CloudError):
                self.trouble_since = self.trouble_since or now
                if now - self.trouble_since > _TROUBLE_TIMEOUT:
                    raise
            self.display.update(self.latest, now)
            if self.latest is not None and self.latest.status.is_final:
                return self.latest
            self._give_up_if_pointless(now)
            self.pace.sleep(self.pace.interval.total_seconds())

    def _look(self, now: datetime) -> None:
        seen = self.source.look()
        if seen is not None:
            if self.latest is None or any(changes_between(self.latest, seen)):
                self.last_change = now
            self.latest = seen
        if now >= self.next_airflow_look and self.ended_in_airflow_at is None:
            self.next_airflow_look = now + _AIRFLOW_INTERVAL
            if self.source.airflow_ended():
                self.ended_in_airflow_at = now

    def _give_up_if_pointless(self, now: datetime) -> None:
        name = f"Airflow run {self.source.airflow_run_id}"
        if self.ended_in_airflow_at is not None and now - self.ended_in_airflow_at > _SETTLE:
            if self.latest is None:
                raise AirflowError(f"{name} ended before it was planned; the log of its task `plan` says why")
            raise AirflowError(
                f"{name} ended, but run {self.latest.run_id} is still recorded as {self.latest.status.value};"
                " see its tasks in the Airflow web UI, and end what is left with `make kill-all-workers`"
            )
        if self.latest is None:
            if now - self.started > PLAN_TIMEOUT:
                raise AirflowError(f"{name} was not planned within {PLAN_TIMEOUT}; is its scheduler healthy?")
        elif now > stalled_at(self.latest, self.last_change, self.pace.margin):
            raise AirflowError(
                f"run {self.latest.run_id} is past its limits and nothing changes any more;"
                " see its tasks in the Airflow web UI, and end what is left with `make kill-all-workers`"
            )
