"""`validate`: wait for the instance's validation to end, a little in the worker, then in the triggerer.

`execution_timeout` bounds each stay in the worker; the validation's own limit is an absolute deadline in Postgres,
which holds over deferrals, retries and restarts. Running the task again costs nothing: it goes on where the last try
was. So there is no on_kill: a task that is stopped may be run again, and one that isn't is followed by `terminate`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk import BaseOperator

from janitor.domain.errors import CloudError, DatabaseError, JanitorError, LaunchRefusedError
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import RunPurpose, ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.orchestration.failures import as_airflow_failure, failed_task
from janitor.orchestration.log_link import ValidatorLogLink
from janitor.orchestration.operators.pooled import await_next_worker, is_pooled
from janitor.orchestration.place_trigger import PlaceTrigger
from janitor.orchestration.telling import name_in_grid, tell_verdict
from janitor.orchestration.trigger import WatchTrigger
from janitor.orchestration.wiring import settings_for
from janitor.services.launch.advance import Launched, NotYet, keep_problem
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.launch.replace import advance_replacement, begin_replacement, is_being_replaced, is_replaceable
from janitor.services.pool.give_back import goes_to_another
from janitor.services.result.record import finish_watched
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.views.verdict import verdict_text

if TYPE_CHECKING:
    from airflow.sdk import Context

log = LineLogger(__name__)

_FIRST_POLL = timedelta(milliseconds=300)
_POLL_GROWTH = 1.5
_LONGEST_PAUSE_HERE = timedelta(seconds=20)
"""A longer pause of the placement is spent deferred."""
_LONGEST_PLACE_WAIT = timedelta(minutes=5)
"""Then the launch is asked anyway: it knows of the hard limit."""


class ValidateOperator(BaseOperator):
    """Wait for one validation; fails when the repository isn't successful.

    :param planned: ``{"validation_id": …, "repository": …}``, an entry of what `plan` returned.
    """

    template_fields: Sequence[str] = ("planned",)
    operator_extra_links = (ValidatorLogLink(),)

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> str:
        """Wait in the worker for a while, then defer."""
        return self._go_on(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """The triggerer saw something to do."""
        log.info("the triggerer reports: %s", event.get("reason"))
        return self._go_on(context)

    def _go_on(self, context: Context) -> str:
        context["repository"] = self.planned["repository"]
        try:
            settings = settings_for(self.planned)
            watch, outcome = self._wait_in_worker(settings, UUID(self.planned["validation_id"]))
            log.info("watching ended: %s", outcome.value)
            conclusion = finish_watched(settings, watch, outcome)
        except JanitorError as exc:
            raise as_airflow_failure(exc) from exc
        name_in_grid(context, self.planned["repository"], conclusion.status)
        told = tell_verdict(settings, UUID(self.planned["validation_id"]))
        if not _is_as_wanted(watch, conclusion.status):
            # Where the report may still be on its way, `record` has the last word.
            short = f"{self.planned['repository']}: {verdict_text(conclusion)}: {conclusion.summary}"
            raise failed_task(*(told or (short,)), code=conclusion.status.value)
        for line in told:
            log.info("%s", line)
        return str(conclusion.status.value)

    def _wait_in_worker(self, settings: Settings, validation_id: UUID) -> tuple[Watch, WatchOutcome]:
        watch = self._watch(settings, validation_id)
        defer_at = time.monotonic() + settings.worker_wait.total_seconds()
        pause = min(_FIRST_POLL, settings.poll_interval)
        while True:
            is_given_up = False
            try:
                outcome = watch.step()
                if outcome is not None:
                    if not _goes_on(settings, watch, outcome):
                        watch.keep()
                        return watch, outcome
                    is_given_up = True
            except (CloudError, DatabaseError) as exc:
                log.warning("can't look right now, trying again: %s", exc)
            if is_given_up:
                # What fails here fails this try: the lost instance has nothing more to show, and the next try goes on
                # with the replacement where it stands.
                watch = self._watch(settings, validation_id)
                defer_at = time.monotonic() + settings.worker_wait.total_seconds()
                continue
            if time.monotonic() >= defer_at:
                # Also while AWS can't be asked: the triggerer goes on asking and never drops a validation.
                trigger = WatchTrigger.of(validation_id, watch.watched, environment=settings.environment)
                self.defer(trigger=trigger, method_name="execute_complete")
            time.sleep(pause.total_seconds())
            pause = min(pause * _POLL_GROWTH, settings.poll_interval)

    def _watch(self, settings: Settings, validation_id: UUID) -> Watch:
        """Watch the validation's instance; where a lost one is being replaced, see that through first."""
        if is_pooled(self.planned):
            await_next_worker(self, settings, validation_id)
        while is_being_replaced(settings, validation_id):
            try:
                step = advance_replacement(settings, validation_id)
            except LaunchRefusedError as exc:
                keep_problem(settings, ValidationOrderer(validation_id), exc.reason_code, str(exc))
                raise
            if isinstance(step, Launched):
                log.info("%s takes over", step.instance_id)
                break
            now = datetime.now(timezone.utc)
            if not isinstance(step, NotYet):
                log.info("every place is held; waiting without holding a worker")
                trigger = PlaceTrigger.free(
                    validation_id,
                    step.limit,
                    not_after=now + _LONGEST_PLACE_WAIT,
                    environment=settings.environment,
                )
                self.defer(trigger=trigger, method_name="execute_complete")
                continue
            log.info("%s", step.why)
            pause = max(step.until - now, timedelta(0))
            if pause > _LONGEST_PAUSE_HERE:
                trigger = PlaceTrigger.at(step.until, environment=settings.environment)
                self.defer(trigger=trigger, method_name="execute_complete")
            time.sleep(pause.total_seconds())
        return Watch(settings, validation_id)


def _goes_on(settings: Settings, watch: Watch, outcome: WatchOutcome) -> bool:
    """Whether the validation goes on with another instance, or another worker; what it had is given up then."""
    validation_id = watch.validation.validation_id
    if watch.validation.plan.get("pool") is not None:
        return goes_to_another(settings, watch, outcome)
    if not is_replaceable(settings, watch, outcome):
        return False
    log.warning("%s: %s; launching again", watch.watched.instance_id, outcome.value)
    begin_replacement(settings, validation_id, outcome)
    return True


def _is_as_wanted(watch: Watch, status: ValidationStatus) -> bool:
    """Whether the task did what it is there for: an experiment that is red has told what it was asked."""
    if status is ValidationStatus.FAILED and watch.validation.purpose is RunPurpose.EXPERIMENT:
        return True
    return status is ValidationStatus.SUCCESS
