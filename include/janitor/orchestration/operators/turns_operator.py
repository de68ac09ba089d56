"""`validate_in_turn`: one repository after another on the run's instance, until each has an end.

Whose turn it is is in Postgres. So the task may be run again at any time, in any process: it goes on with the turn that
it finds. What waits long waits in the triggerer, as for a parallel run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import BaseOperator

from janitor.domain.errors import CloudError, DatabaseError, JanitorError, LaunchRefusedError
from janitor.domain.identity import run_id_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.orchestration.failures import as_airflow_failure
from janitor.orchestration.metrics import count_verdict
from janitor.orchestration.operators.launch_operator import LaunchValidationOperator
from janitor.orchestration.place_trigger import PlaceTrigger
from janitor.orchestration.telling import tell_verdict
from janitor.orchestration.trigger import WatchTrigger
from janitor.orchestration.wiring import settings_for_run
from janitor.services.launch.advance import NoPlace, NotYet, keep_problem
from janitor.services.launch.orderer import Orderer
from janitor.services.sequential.cache import cache_subnets
from janitor.services.sequential.orderer import RunOrderer
from janitor.services.sequential.turn import AllOver, Begun, advance_turn, end_turn
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores.sequential import Turn

if TYPE_CHECKING:
    from airflow.sdk import Context

log = LineLogger(__name__)

_FIRST_POLL = timedelta(milliseconds=300)
_POLL_GROWTH = 1.5
_LONGEST_PAUSE_HERE = timedelta(seconds=20)
_LONGEST_PLACE_WAIT = timedelta(minutes=5)
_LONGEST_STAY = timedelta(minutes=5)
"""In the worker, over several short turns: well below the task's execution timeout."""


class LaunchRunOperator(LaunchValidationOperator):
    """Launch the one instance of a sequential run, or adopt it."""

    template_fields: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(planned=None, **kwargs)

    def _settings(self, context: Context) -> Settings:
        return settings_for_run(context)

    def _name(self, context: Context) -> None:
        """It is one task, without a name of its own in the grid."""

    def _orderer(self, settings: Settings, context: Context) -> Orderer:
        run_id = run_id_for(settings.deployment, context["dag_run"].run_id)
        return RunOrderer(run_id, cache_subnets(settings))


class ValidateInTurnOperator(BaseOperator):
    """Give each repository of the run its turn. What a repository's end means for the run, `verdict` says."""

    def execute(self, context: Context) -> str:
        """Go on where the run is."""
        return self._go_on(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """The triggerer saw something to do."""
        log.info("the triggerer reports: %s", event.get("reason"))
        return self._go_on(context)

    def _go_on(self, context: Context) -> str:
        try:
            settings = settings_for_run(context)
            run_id = run_id_for(settings.deployment, context["dag_run"].run_id)
            return self._take_turns(settings, run_id)
        except JanitorError as exc:
            raise as_airflow_failure(exc) from exc

    def _take_turns(self, settings: Settings, run_id: UUID) -> str:
        leave_at = time.monotonic() + _LONGEST_STAY.total_seconds()
        ended: list[str] = []
        while True:
            try:
                step = advance_turn(settings, run_id)
            except LaunchRefusedError as exc:
                keep_problem(settings, RunOrderer(run_id), exc.reason_code, str(exc))
                raise
            if isinstance(step, AllOver):
                return f"ended here: {', '.join(ended) or 'none'}"
            if isinstance(step, Begun):
                status = self._see_through(settings, run_id, step.turn, leave_at)
                ended += [f"{step.turn.repository_name}: {status.value}"] if status is not None else []
            else:
                self._pause(settings, run_id, step)

    def _pause(self, settings: Settings, run_id: UUID, step: NoPlace | NotYet) -> None:
        """Wait a little here, or defer, which holds no worker slot."""
        now = datetime.now(timezone.utc)
        if isinstance(step, NoPlace):
            log.info("every place is held; waiting without holding a worker")
            trigger = PlaceTrigger.free(
                run_id, step.limit, not_after=now + _LONGEST_PLACE_WAIT, environment=settings.environment
            )
            self.defer(trigger=trigger, method_name="execute_complete")
            return
        log.info("%s", step.why)
        pause = max(step.until - now, timedelta(0))
        if pause > _LONGEST_PAUSE_HERE:
            self.defer(
                trigger=PlaceTrigger.at(step.until, environment=settings.environment), method_name="execute_complete"
            )
        time.sleep(pause.total_seconds())

    def _see_through(self, settings: Settings, run_id: UUID, turn: Turn, leave_at: float) -> ValidationStatus | None:
        """Watch a turn to its end; returns how the repository ended, None where it has another turn."""
        watch = Watch(settings, turn.validation_id)
        outcome = self._wait(settings, watch, turn, leave_at)
        log.info("%s: watching ended: %s", turn.repository_name, outcome.value)
        conclusion = end_turn(settings, run_id, watch, outcome)
        if conclusion is None:
            log.warning("%s has another turn", turn.repository_name)
            return None
        count_verdict(settings, turn.validation_id)
        for line in tell_verdict(settings, turn.validation_id):
            log.info("%s", line)
        return conclusion.status

    def _wait(self, settings: Settings, watch: Watch, turn: Turn, leave_at: float) -> WatchOutcome:
        defer_at = min(time.monotonic() + settings.worker_wait.total_seconds(), leave_at)
        pause = min(_FIRST_POLL, settings.poll_interval)
        while True:
            try:
                outcome = watch.step()
                if outcome is not None:
                    return outcome
            except (CloudError, DatabaseError) as exc:
                log.warning("can't look right now, trying again: %s", exc)
            if time.monotonic() >= defer_at:
                # Also while AWS can't be asked: the triggerer goes on asking and never drops a validation.
                trigger = WatchTrigger.of(turn.validation_id, watch.watched, environment=settings.environment)
                self.defer(trigger=trigger, method_name="execute_complete")
            time.sleep(pause.total_seconds())
            pause = min(pause * _POLL_GROWTH, settings.poll_interval)
