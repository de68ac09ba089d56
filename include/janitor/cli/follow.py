"""Following a run until it ends.

Invariant: following only looks. It ends when the run has ended with all that it validated, when Airflow gave the run
up without ending its records, when nothing has changed for longer than anything may take, or when looking fails for
too long. A run that waits for another one's end is followed as long as that one may take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Protocol
from uuid import UUID

from janitor.cli.changes import changes_between, is_stalled
from janitor.domain.errors import AirflowError, AirflowRunEndedError, CloudError, DatabaseError, JanitorError
from janitor.domain.views import RunView
from janitor.domain.watch.sequential import LONGEST_RUN
from janitor.domain.watch.waits import waiting
from janitor.services.airflow.turn import RunAhead

RECORD_MARGIN = timedelta(minutes=10)
"""Added to a run's grace: time to flush, record and terminate after a hard limit, tasks retried included."""
PLAN_TIMEOUT = timedelta(minutes=5)
"""How long Airflow may take from the trigger until the run is planned."""
_AIRFLOW_INTERVAL = timedelta(seconds=5)
_SETTLE = timedelta(seconds=20)
"""How long the records may lag behind Airflow's own end of the run."""
_CONCLUDE = timedelta(minutes=1)
"""How long the validations may lag behind the end of their run: one that is cancelled ends before they do."""
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
    ahead: Callable[[], RunAhead | None] = lambda: None
    """What has to end before Airflow lets the run begin; None where nothing has to. Asked until it is planned."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often to look, how long to wait, and the clocks; tests set clocks that don't wait.

    What is waited for is measured by `monotonic`: a clock that is set neither ends a wait nor prolongs it.
    """

    interval: timedelta
    margin: timedelta
    """See `is_stalled`."""
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    monotonic: Callable[[], float] = time.monotonic
    """Seconds."""
    sleep: Callable[[float], None] = time.sleep


def follow(
    source: RunSource,
    display: Display,
    pace: Pace,
    *,
    notice: Callable[[str], None] = lambda _: None,
    shown: bool = False,
) -> RunView:
    """Show a run until it ends.

    Args:
        source: Where the looks come from.
        display: Shows each look.
        pace: How often, and how long.
        notice: Told when looking begins to fail, and when it works again.
        shown: Whether the display itself shows that something is waited for.

    Raises:
        AirflowError: Nothing changes any more, or Airflow can't be asked for too long.
        AirflowRunEndedError: Airflow's run ended and the records didn't.
        DatabaseError: The records can't be read for too long.
    """
    return _Follower(source, display, pace, notice, shown).run()


@dataclass
class _Follower:
    source: RunSource
    display: Display
    pace: Pace
    notice: Callable[[str], None]
    shown: bool
    latest: RunView | None = None
    ended_in_airflow_at: float | None = None
    trouble_since: float | None = None
    ahead: RunAhead | None = None
    ahead_since: float = 0.0
    """When the run ahead was seen first."""
    started: float = field(init=False)
    """From when the run's own plan is waited for."""
    last_change: float = field(init=False)
    next_airflow_look: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.last_change = self.next_airflow_look = self.pace.monotonic()

    def run(self) -> RunView:
        while self.latest is None:
            self._await_plan()
        with waiting(f"run {self.latest.run_id} goes on", shown=self.shown):
            while not self.latest.status.is_final:
                self._step()
        if self.latest.has_open_validations:
            with waiting(f"run {self.latest.run_id} has ended, its results are recorded", _CONCLUDE, shown=self.shown):
                self._await_conclusions()
        return self.latest

    def _await_plan(self) -> None:
        """Look on until the run is planned, or what it waits for is another."""
        before = self.ahead
        what, limit = "waiting for Airflow to plan the run", PLAN_TIMEOUT
        if before is not None:
            what, limit = f"waiting for run {before.run_id}, which goes first", before.left + self.pace.margin
        with waiting(what, limit, shown=self.shown):
            while self.latest is None and _id_of(self.ahead) == _id_of(before):
                self._step()

    def _await_conclusions(self) -> None:
        """Look on until every validation has ended, too; what doesn't in time is left as it was seen last."""
        until = self.pace.monotonic() + _CONCLUDE.total_seconds()
        while self.latest is not None and self.latest.has_open_validations and self.pace.monotonic() < until:
            self.pace.sleep(self.pace.interval.total_seconds())
            with suppress(DatabaseError, CloudError):  # the run's own end is known, and said in any case
                self.latest = self.source.look() or self.latest
            self.display.update(self.latest, self.pace.now())

    def _step(self) -> None:
        """One look, and a pause unless that was the last."""
        try:
            self._look(self.pace.monotonic())
        except (DatabaseError, AirflowError, CloudError) as trouble:
            self._bear(trouble)
        else:
            if self.trouble_since is not None:
                self.notice("The run can be looked at again.")
            self.trouble_since = None
        self.display.update(self.latest, self.pace.now())
        if self.latest is None or not self.latest.status.is_final:
            self._give_up_if_pointless(self.pace.monotonic())
            self.pace.sleep(self.pace.interval.total_seconds())

    def _bear(self, trouble: JanitorError) -> None:
        """Say at once that looking fails, and until when it is tried again; raise when that has passed."""
        since = self.pace.monotonic()
        if self.trouble_since is None:
            self.trouble_since = since
            until = self.pace.now() + _TROUBLE_TIMEOUT
            self.notice(f"The run can't be looked at, it is tried again until {until:%H:%M:%S} UTC: {trouble}")
        if since - self.trouble_since > _TROUBLE_TIMEOUT.total_seconds():
            raise trouble

    def _look(self, now: float) -> None:
        seen = self.source.look()
        if seen is not None:
            if self.latest is None or any(changes_between(self.latest, seen)):
                self.last_change = now
            self.latest = seen
        if now >= self.next_airflow_look and self.ended_in_airflow_at is None:
            self.next_airflow_look = now + _AIRFLOW_INTERVAL.total_seconds()
            if self.source.airflow_ended():
                self.ended_in_airflow_at = now
            elif self.latest is None:
                self._look_ahead(now)

    def _look_ahead(self, now: float) -> None:
        """See what the run waits for; the time to plan it counts from when it waits for no other run any more."""
        before, self.ahead = self.ahead, self.source.ahead()
        ahead = self.ahead
        if ahead is None:
            return
        self.started = now
        if ahead.run_id != _id_of(before):
            self.ahead_since = now
            at_once = "one runs" if ahead.at_a_time == 1 else f"{ahead.at_a_time} run"
            until = self.pace.now() + max(ahead.left, timedelta())
            self.notice(
                f"Run {ahead.run_id} is under way and {at_once} at a time: this one waits for its end, at"
                f" {until:%H:%M} UTC at the latest."
            )

    def _is_ahead_stuck(self, ahead: RunAhead, now: float) -> bool:
        """Whether it is past its limit by the clock that recorded it, and was seen for a while by one nobody sets."""
        waited = timedelta(seconds=now - self.ahead_since)
        return waited > self.pace.margin and (ahead.left < -self.pace.margin or waited > LONGEST_RUN + self.pace.margin)

    def _give_up_if_pointless(self, now: float) -> None:
        name = f"Airflow run {self.source.airflow_run_id}"
        if self.ended_in_airflow_at is not None and now - self.ended_in_airflow_at > _SETTLE.total_seconds():
            if self.latest is None:
                raise AirflowRunEndedError(f"{name} ended before it was planned; the log of its task `plan` says why")
            raise AirflowRunEndedError(
                f"{name} ended, but run {self.latest.run_id} is still recorded as {self.latest.status.value};"
                " see its tasks in the Airflow web UI, and end what is left with `make kill-all-workers`"
            )
        if self.latest is None:
            if self.ahead is not None:
                if self._is_ahead_stuck(self.ahead, now):
                    raise AirflowError(
                        f"{name} waits for run {self.ahead.run_id}, which is past its limit and doesn't end; see its"
                        f" tasks in the Airflow web UI, or end it with `make cancel RUN_ID={self.ahead.run_id}`"
                    )
            elif now - self.started > PLAN_TIMEOUT.total_seconds():
                raise AirflowError(f"{name} was not planned within {PLAN_TIMEOUT}; is its scheduler healthy?")
        elif is_stalled(self.latest, self.pace.now(), timedelta(seconds=now - self.last_change), self.pace.margin):
            raise AirflowError(
                f"run {self.latest.run_id} is past its limits and nothing changes any more;"
                " see its tasks in the Airflow web UI, and end what is left with `make kill-all-workers`"
            )


def _id_of(ahead: RunAhead | None) -> UUID | None:
    return None if ahead is None else ahead.run_id
